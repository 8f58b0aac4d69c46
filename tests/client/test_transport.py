import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.transport import Transport
from boruta_farm.model.errors import (
    BorutaError,
    LimitError,
    OutcomeUnknownError,
    ProtocolError,
    UnavailableError,
)

Handler = Callable[[httpx.Request], httpx.Response]


def transport(handler: Handler, token: str | None = None) -> Transport:
    config = ClientConfig(server="http://lab:8487/farm", token=token)
    return Transport(config, httpx.MockTransport(handler))


async def test_calls_carry_prefix_token_and_json() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"ReqID": 1})

    channel = transport(handler, token="secret")
    answer = await channel.post("reqs/", {"Caps": None}, {"Idempotency-Key": "k"})
    assert answer.body == {"ReqID": 1}
    assert str(seen[0].url) == "http://lab:8487/farm/api/v1/reqs/"
    assert seen[0].headers["authorization"] == "Bearer secret"
    assert seen[0].headers["idempotency-key"] == "k"
    assert seen[0].content == b'{"Caps": null}'
    assert channel.host == "lab"
    await channel.aclose()


async def test_empty_answers_have_no_body() -> None:
    channel = transport(lambda _: httpx.Response(204, headers={"X-Figure": "3"}))
    answer = await channel.post("reqs/1/close")
    assert answer.body is None
    assert answer.headers["x-figure"] == "3"


async def test_other_answers_are_told_as_such() -> None:
    with pytest.raises(ProtocolError, match="no JSON"):
        await transport(lambda _: httpx.Response(200, text="<html>")).get("version")
    moved = httpx.Response(308, headers={"Location": "https://lab/api"})
    with pytest.raises(BorutaError, match="sends us to https://lab/api; give that"):
        await transport(lambda _: moved).get("version")


async def test_what_makes_no_address_is_refused_in_words() -> None:
    channel, long = transport(lambda _: httpx.Response(204)), "a" * 100_000
    with pytest.raises(LimitError, match="too long for the address"):
        await channel.get(f"users/{long}")
    with pytest.raises(LimitError, match="too long for the address"):
        await channel.get("workers", {"labels": long})
    with pytest.raises(LimitError, match="too long for the address"):
        await channel.post(f"users/{long}")
    with pytest.raises(LimitError, match="too long for the address"):
        async with channel.lines("events", {"worker": long}):
            pass


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        channel = Transport(ClientConfig(server=address))
        words = f"cannot reach the server at {address}: .*; start it with 'boruta serve'"
        with pytest.raises(UnavailableError, match=words):
            await channel.get("version")
        with pytest.raises(UnavailableError) as caught:
            await channel.post("reqs/")
        assert not isinstance(caught.value, OutcomeUnknownError)
        with pytest.raises(UnavailableError):
            async with channel.lines("events"):
                pass
        await channel.aclose()


async def test_a_change_whose_answer_is_lost_is_unknown() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        channel = Transport(ClientConfig(server=f"http://127.0.0.1:{port}"))
        with pytest.raises(OutcomeUnknownError, match="broke before the answer came"):
            await channel.post("reqs/", {})
        for question in (channel.get("version"), channel.post("workers/list", {})):
            with pytest.raises(UnavailableError) as caught:
                await question
            assert not isinstance(caught.value, OutcomeUnknownError)
        await channel.aclose()


@pytest.mark.parametrize(("ahead", "told"), [(0, False), (3600, True), (-3600, True)])
async def test_the_servers_clock_is_learnt(ahead: int, told: bool) -> None:
    date = datetime.now(UTC) + timedelta(seconds=ahead)
    answer = httpx.Response(204, headers={"Date": format_datetime(date, usegmt=True)})
    channel = transport(lambda _: answer)
    await channel.get("version")
    assert (abs(channel.offset - timedelta(seconds=ahead)) < timedelta(seconds=5)) is True
    assert bool(channel.offset) is told


async def test_a_date_of_nonsense_is_ignored() -> None:
    channel = transport(lambda _: httpx.Response(204, headers={"Date": "yesterday"}))
    await channel.get("version")
    assert channel.offset == timedelta()


async def test_lines_that_go_on_and_a_stream_that_is_refused() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one\ntw"
        yield b"o\n"

    async with transport(lambda _: httpx.Response(200, content=chunks())).lines("events") as lines:
        assert [line async for line in lines] == ["one", "two"]
    refused = httpx.Response(503, json={"message": "too many", "Code": "overloaded"})
    with pytest.raises(UnavailableError, match="too many"):
        async with transport(lambda _: refused).lines("events"):
            pass


async def test_a_stream_that_breaks_is_unavailable() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one\n"
        raise httpx.ReadError("gone")

    read: list[str] = []
    channel = transport(lambda _: httpx.Response(200, content=chunks()))
    with pytest.raises(UnavailableError, match="gone"):
        async with channel.lines("events") as lines:
            read.extend([line async for line in lines])
    assert read == []
