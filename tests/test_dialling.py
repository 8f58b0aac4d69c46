from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest

from boruta_farm.dialling import ServerPort
from boruta_farm.model.errors import RefusedError, UnavailableError
from tests.dialled import LARGEST, DialledServer, listening

WITHIN = 30.0


@asynccontextmanager
async def serving(
    status: HTTPStatus | None = None,
) -> AsyncIterator[tuple[DialledServer, ServerPort]]:
    async with listening(status) as (server, number):
        yield (
            server,
            ServerPort(
                url=f"ws://127.0.0.1:{number}/api/v1/link",
                ca_file=None,
                caller="the agent",
                naming_it="set ca_file to",
                within=WITHIN,
                largest=LARGEST,
            ),
        )


async def test_messages_go_both_ways() -> None:
    async with serving() as (server, port):
        socket = await port.dial("s3cret")
        assert socket.local_ip == "127.0.0.1"
        assert await socket.receive() == "welcome"
        await socket.send("hello")
        assert await server.got.get() == "hello"
        assert server.headers == ["Bearer s3cret"]
        assert server.paths == ["/api/v1/link"]
        await socket.close(1000, "done")
        assert await server.closed.get() == (1000, "done")
        assert await socket.receive() is None
        await socket.send("too late")


@pytest.mark.parametrize("message", ["bytes", "much"])
async def test_what_is_no_text_or_too_long_ends_it(message: str) -> None:
    async with serving() as (_, port):
        socket = await port.dial("s3cret")
        assert await socket.receive() == "welcome"
        await socket.send(message)
        assert await socket.receive() is None
        await socket.close(1000, "")


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])
async def test_being_turned_away_is_a_refusal(status: HTTPStatus) -> None:
    async with serving(status) as (_, port):
        with pytest.raises(RefusedError, match="turned the agent away"):
            await port.dial("s3cret")


@pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE])
async def test_another_answer_is_tried_again(status: HTTPStatus) -> None:
    async with serving(status) as (_, port):
        with pytest.raises(UnavailableError, match=str(status.value)):
            await port.dial("s3cret")


async def test_a_closed_port_is_out_of_reach() -> None:
    async with serving() as (_, port):
        pass
    with pytest.raises(UnavailableError, match="out of reach"):
        await port.dial("s3cret")
