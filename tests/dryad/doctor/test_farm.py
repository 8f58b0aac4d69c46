import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from boruta_farm.dryad.doctor.farm import VERSION, check_clock, check_farm, version_url
from boruta_farm.dryad.findings import Verdict
from boruta_farm.link.failures import UnknownMethodError, failure_object
from boruta_farm.model.errors import (
    BorutaError,
    CredentialError,
    EnrolmentError,
    MissingUUIDError,
    StoreError,
)
from tests.dryad.doctor.configs import config

CREDENTIAL = "c" * 43
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("apart", "verdict"),
    [(0, Verdict.GOOD), (4, Verdict.GOOD), (30, Verdict.ADVICE), (600, Verdict.WRONG)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_clocks_may_differ_by_seconds_only(apart: int, verdict: Verdict, sign: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=sign * apart), usegmt=True)
    [finding] = check_clock(date, NOW)
    assert finding.verdict is verdict


def test_a_farm_without_time_is_told() -> None:
    [finding] = check_clock(None, NOW)
    assert finding.verdict is Verdict.ADVICE


def test_the_version_is_asked_below_the_servers_address() -> None:
    assert version_url("wss://farm.example/boruta") == "https://farm.example/boruta" + VERSION
    assert version_url("http://[::1]:8487") == "http://[::1]:8487" + VERSION


def refusal(error: BorutaError) -> dict[str, Any]:
    """Return the answer that a farm refuses with."""
    return {"error": failure_object(error)}


class Farm:
    """A farm that answers version and link; ``links`` False turns WebSockets away.

    ``answer_to_hello`` is what it says to the question whether it knows the board.
    """

    def __init__(self) -> None:
        self.links = True
        self.hellos: list[dict[str, Any]] = []
        self.credentials: list[str | None] = []
        self.answer_to_hello: dict[str, Any] = {"result": {"enrolled": True}}

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.credentials.append(connection.request.headers.get("Authorization"))
        async for message in connection:
            call = json.loads(message)
            assert call["method"] == "recognise", "a doctor changes nothing"
            self.hellos.append(call["params"])
            answer = {"jsonrpc": "2.0", "id": call["id"], **self.answer_to_hello}
            await connection.send(json.dumps(answer))

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == VERSION:
            answer = connection.respond(HTTPStatus.OK, "{}")
            del answer.headers["Date"]
            answer.headers["Date"] = format_datetime(datetime.now(UTC), usegmt=True)
            return answer
        return None if self.links else connection.respond(HTTPStatus.BAD_GATEWAY, "no\n")


@asynccontextmanager
async def farm() -> AsyncIterator[tuple[Farm, str]]:
    made = Farm()
    async with serve(made.serve, "127.0.0.1", 0, process_request=made.answer) as listening:
        yield made, f"http://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}"


async def test_everything_open_is_fine(tmp_path: Path) -> None:
    relay = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    place = f"127.0.0.1:{relay.sockets[0].getsockname()[1]}"
    async with farm() as (_, url):
        findings = await check_farm(config(tmp_path, server=url, relay_address=place), CREDENTIAL)
    relay.close()
    assert [finding.verdict for finding in findings] == [Verdict.GOOD] * 4


@pytest.mark.parametrize(
    ("reach", "verdict"), [("outbound", Verdict.WRONG), ("auto", Verdict.ADVICE)]
)
async def test_a_relay_out_of_reach_matters_as_far_as_it_is_needed(
    reach: str, verdict: Verdict, tmp_path: Path
) -> None:
    async with farm() as (_, url):
        findings = await check_farm(
            config(tmp_path, server=url, reach=reach, relay_address="127.0.0.1:1"), CREDENTIAL
        )
    assert findings[-1].verdict is verdict
    assert "stream_addr" in findings[-1].remedy


async def test_a_directly_reached_board_needs_no_relay(tmp_path: Path) -> None:
    async with farm() as (_, url):
        findings = await check_farm(config(tmp_path, server=url, reach="direct"), CREDENTIAL)
    assert len(findings) == 3


async def test_a_proxy_without_websockets_is_told(tmp_path: Path) -> None:
    async with farm() as (made, url):
        made.links = False
        findings = await check_farm(config(tmp_path, server=url, reach="direct"), CREDENTIAL)
    assert findings[-1].verdict is Verdict.WRONG
    assert "Upgrade" in findings[-1].remedy


async def test_a_farm_out_of_reach_is_told_once(tmp_path: Path) -> None:
    [finding] = await check_farm(config(tmp_path, server="http://127.0.0.1:1"), CREDENTIAL)
    assert finding.verdict is Verdict.WRONG
    assert "out of reach" in finding.fact


async def test_the_farm_is_asked_with_the_boards_own_credential(tmp_path: Path) -> None:
    async with farm() as (made, url):
        findings = await check_farm(config(tmp_path, server=url, reach="direct"), CREDENTIAL)
    assert "knows this board" in findings[-1].fact
    assert made.credentials == [f"Bearer {CREDENTIAL}"]
    assert made.hellos[0]["caps"]["UUID"]


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        ({"result": {"enrolled": False}}, Verdict.ADVICE, "would enrol it"),
        (refusal(CredentialError()), Verdict.WRONG, "does not let this board in"),
        (refusal(EnrolmentError("the token has expired")), Verdict.WRONG, "the token has expired"),
        (refusal(MissingUUIDError()), Verdict.WRONG, "does not let this board in"),
        (refusal(StoreError("disk full")), Verdict.WRONG, "the farm could not answer: disk full"),
        (refusal(UnknownMethodError()), Verdict.ADVICE, "too old to tell"),
    ],
)
async def test_what_the_farm_says_to_the_board_decides(
    tmp_path: Path, answer: dict[str, Any], verdict: Verdict, words: str
) -> None:
    async with farm() as (made, url):
        made.answer_to_hello = answer
        findings = await check_farm(config(tmp_path, server=url, reach="direct"), None)
    assert findings[-1].verdict is verdict
    assert words in findings[-1].fact
    assert findings[-1].remedy
