"""Every exchange recorded against the original, replayed in order against a started server."""

import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.web.gofarm import GoWorld
from tests.web.serving import RawAnswer, World, raw_call, served

from boruta_farm.web.services import WebOptions
from boruta_farm.web.times import parse_time

Exchange = dict[str, Any]

RECORDED = Path(__file__).parents[1] / "data" / "v1-exchanges.json"
EXCHANGES: list[Exchange] = json.loads(RECORDED.read_text("utf-8"))

SERVERS = (range(1, 61), range(61, 83), range(83, 206))
"""Steps that share a server; each begins with a fresh one."""

GO_HEAD = "the original's own client insists on 204 for HEAD"
GO_SETSTATE = "the original's own client cannot read the null of a 202"
INTENDED = {
    2: (204, GO_HEAD),
    147: (204, GO_HEAD),
    158: (204, GO_HEAD),
    190: (204, GO_HEAD),
    169: (204, GO_SETSTATE),
    170: (204, GO_SETSTATE),
    203: (204, GO_SETSTATE),
}
"""The only places where our status is another one, and why."""

MALFORMED = re.compile(r"invalid request: (json: |parsing time |unexpected EOF)")
"""Texts of Go's JSON library: only their prefix is promised."""

FILED_AS_RECORDED = ("Get request", "List requests", "Update", "Close")
"""Sections whose requests are filed with the recorded times, so that these come back."""

DEFAULT_DEADLINE = 65
"""Recorded as valid only after its default deadline, so that it could only time out."""

DEADLINE_THERE = "2036-02-01T00:00:00Z"
"""Ours counts a default deadline from valid-after: an intended difference."""

UUID = "00000000-0000-4000-8000-00000000000{}"


@pytest.fixture(params=[World, GoWorld], ids=["real", "go boards"])
async def farm(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with request.param(WebOptions(cors_origins=("*",))) as world:
        yield world


def test_all_exchanges_are_there() -> None:
    assert len(EXCHANGES) == 165
    steps = [exchange["step"] for exchange in EXCHANGES]
    assert steps == sorted(steps)
    assert set(steps) <= {step for server in SERVERS for step in server}


@pytest.mark.parametrize("steps", SERVERS, ids=["first", "second", "third"])
async def test_replay(farm: World, steps: range) -> None:
    failures: list[str] = []
    async with served(farm.app) as port:
        for exchange in EXCHANGES:
            if exchange["step"] not in steps:
                continue
            await make_state(farm, port, exchange)
            answer = await replay(port, exchange)
            failures += [
                f"{exchange['step']} {exchange['title']}: {difference}"
                for difference in differences(exchange, answer)
            ]
    assert not failures, "\n".join(failures)


async def make_state(farm: World, port: int, exchange: Exchange) -> None:
    """Make what the exchange at hand presupposes and no replayed one has made."""
    step = exchange["step"]
    if step == 61:
        await file_as_recorded(port, range(61, 74))
    elif step == 83:
        await file_as_recorded(port, range(83, 84))
        await expect_status(port, "/api/v1/reqs/2/close", None, 204)
    elif step == 145:
        for number in (1, 2, 3):
            caps = {"arch": "arm", "type": f"t{number}"}
            await farm.register(UUID.format(number), f"board-{number}", caps)
    elif step == 174 or exchange["section"] == "Job":
        await farm.settle()
    elif step == 177:
        path = f"/api/v1/workers/{UUID.format(1)}/setgroups"
        await expect_status(port, path, b'["b","a"]', 204)


async def file_as_recorded(port: int, steps: range) -> None:
    """File the requests that the recorded answers of these steps show, times included."""
    shown: dict[int, Exchange] = {}
    for exchange in EXCHANGES:
        if exchange["step"] in steps and exchange["status"] == 200:
            found = cut_free(exchange["response"])
            shown |= {item["ID"]: item for item in (found if isinstance(found, list) else [found])}
    for number in range(1, max(shown) + 1):
        wanted = shown.get(number, {"Priority": 8})
        fields = {key: wanted.get(key) for key in ("Priority", "ValidAfter", "Deadline", "Caps")}
        if number == 5 and DEFAULT_DEADLINE in steps:
            del fields["Deadline"]
        await expect_status(port, "/api/v1/reqs/", json.dumps(fields).encode(), 201)


def cut_free(response: str) -> Any:
    """Read an answer; one was cut short in the record, inside its capabilities."""
    if response.endswith("(cut)"):
        response = response.removesuffix("...(cut)") + '"}}'
    return json.loads(response)


async def expect_status(port: int, path: str, body: bytes | None, status: int) -> None:
    answer = await raw_call(port, "POST", path, body=body)
    assert answer.status == status, answer


async def replay(port: int, exchange: Exchange) -> RawAnswer:
    extra: str = exchange["extra"]
    data = re.search(r" -d (.*)", extra)
    body: str | None = data[1] if data else exchange["body"]
    headers = tuple(re.findall(r"-H ([\w-]+: \S+)", extra))
    encoded = None if body is None else body.encode()
    return await raw_call(port, exchange["method"], exchange["path"], headers, encoded)


def differences(exchange: Exchange, answer: RawAnswer) -> list[str]:
    """Return in words what differs from the record and was not meant to."""
    status, _ = INTENDED.get(exchange["step"], (exchange["status"], ""))
    found = []
    if answer.status != status:
        found.append(f"status {answer.status} instead of {status}: {answer.body!r}")
    for name, value in exchange["headers"].items():
        ours = answer.headers.get(name.lower())
        if not same_header(name, value, ours):
            if status == 204 and name == "Content-Type" and exchange["method"] != "HEAD":
                continue
            found.append(f"header {name} is {ours!r} instead of {value!r}")
    if status == 204 or exchange["method"] == "HEAD":
        if answer.body:
            found.append(f"a body where none belongs: {answer.body!r}")
    elif exchange["headers"].get("Content-Type") == "application/json":
        exact = exchange["section"] in FILED_AS_RECORDED
        recorded = cut_free(exchange["response"])
        if exchange["step"] == DEFAULT_DEADLINE:
            recorded["Deadline"] = DEADLINE_THERE
        found += differing("$", recorded, json.loads(answer.body), exact)
    elif answer.body.decode().strip() != exchange["response"].strip():
        found.append(f"body {answer.body!r}")
    return found


def same_header(name: str, value: str, ours: str | None) -> bool:
    if name in ("Boruta-Server-Version", "Boruta-Job-Timeout"):
        return ours is not None and shape(name, ours)
    return ours == value


def shape(name: str, text: str) -> bool:
    if name == "Boruta-Job-Timeout":
        return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text) is not None
    return bool(text)


def differing(where: str, recorded: Any, ours: Any, exact: bool) -> list[str]:
    """Compare by the recorded keys; times as instants, ports and keys by their shape."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        order = [key for key in ours if key in recorded]
        found = [] if order == list(recorded) else [f"{where}: keys {list(ours)}"]
        for key in order:
            found += differing(f"{where}.{key}", recorded[key], ours[key], exact)
        return found
    if isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        return [
            difference
            for number, (theirs, mine) in enumerate(zip(recorded, ours, strict=True))
            for difference in differing(f"{where}[{number}]", theirs, mine, exact)
        ]
    return [] if same(where, recorded, ours, exact) else [f"{where}: {ours!r} for {recorded!r}"]


def same(where: str, recorded: Any, ours: Any, exact: bool) -> bool:
    key = where.rpartition(".")[2]
    if key in ("Deadline", "ValidAfter", "Timeout"):
        theirs, mine = instant(recorded), instant(ours)
        return mine == theirs if exact and key != "Timeout" else isinstance(mine, datetime)
    if key == "Port":
        return isinstance(ours, int) and 0 < ours < 65536
    if key == "IP":
        return bool(ours == "127.0.0.1")
    if key == "Key":
        return bool(ours.startswith("-----BEGIN RSA PRIVATE KEY-----\n") and ours.endswith("\n"))
    if key == "ReqID":
        return isinstance(ours, int) and ours > 0
    if key == "Server":
        return isinstance(ours, str)
    if key == "message" and MALFORMED.match(recorded):
        return isinstance(ours, str) and ours.startswith("invalid request: ")
    return bool(recorded == ours)


def instant(text: Any) -> datetime | None:
    return parse_time(text) if isinstance(text, str) else None
