"""Threat: a webhook's receiver answers so that the server is busy with it, and others wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from boruta_farm.notify.guard import JudgedAddress
from boruta_farm.notify.sending import HttpSender

PATIENCE = 30.0
MOST_PIECES = 1000
"""Of an answer that would go on; what is sent stays bounded if nobody hangs up."""


@asynccontextmanager
async def receiver(
    first: bytes, more: bytes = b""
) -> AsyncIterator[tuple[JudgedAddress, "asyncio.Future[int]"]]:
    """Answer whoever calls so, then with more without end; tell how many pieces were taken."""
    taken: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pieces = 0
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(first)
            await writer.drain()
            while more and pieces < MOST_PIECES:
                writer.write(more)
                await writer.drain()
                pieces += 1
            await reader.read()
        except OSError:
            pass  # It was hung up on.
        finally:
            taken.set_result(pieces)
            writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = JudgedAddress(url=f"http://127.0.0.1:{port}/", host="hooks.example", name="")
    async with server, asyncio.timeout(PATIENCE):
        yield place, taken


@pytest.mark.parametrize(
    "interim",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\na: b\r\n\r\n"],
    ids=["100", "103"],
)
async def test_interim_answers_without_end_are_hung_up_on(interim: bytes) -> None:
    async with receiver(interim, interim * 4000) as (place, taken):
        with pytest.raises(ValueError, match="without end"):
            await HttpSender()(place, b"{}", {})
        assert await taken < MOST_PIECES


@pytest.mark.parametrize(
    "more",
    [b"a:\r\n" * 4000, b"set-cookie: " + b"x" * 60_000, b""],
    ids=["headers", "cookie", "silence"],
)
async def test_nothing_is_read_that_follows_a_status(more: bytes) -> None:
    """A library reads 100 KB of headers, for half a second, and waits for their end."""
    async with receiver(b"HTTP/1.1 204 None\r\n", more) as (place, taken):
        assert await HttpSender()(place, b"{}", {}) == 204
        assert await taken < MOST_PIECES
