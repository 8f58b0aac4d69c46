"""Bytes between a pair of pipes and a board's ssh, by the server's port."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.tunnel import carry
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import BorutaError, TunnelError, UnavailableError
from tests.web.serving import World
from tests.web.tunnelling import HELLO, lent


@contextmanager
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """Yield what ssh holds (to write, to read) and what its command does (to read, to write)."""
    theirs_read, ours_write = os.pipe()
    ours_read, theirs_write = os.pipe()
    try:
        yield ours_write, ours_read, theirs_read, theirs_write
    finally:
        for descriptor in (ours_write, ours_read, theirs_read, theirs_write):
            os.close(descriptor)


class Carried:
    """A tunnel that is carried, as ssh sees it."""

    def __init__(self, write: int, read: int, carrying: "asyncio.Task[None]") -> None:
        self.write, self.read, self.carrying = write, read, carrying

    async def hear(self, count: int) -> bytes:
        heard = b""
        while len(heard) < count:
            heard += await asyncio.to_thread(os.read, self.read, count - len(heard))
        return heard


@asynccontextmanager
async def carried(port: int, request_id: int = 1) -> AsyncIterator[Carried]:
    with pipes() as (write, read, source, sink):
        config = ClientConfig(server=f"http://127.0.0.1:{port}")
        carrying = asyncio.ensure_future(carry(config, request_id, source, sink))
        try:
            yield Carried(write, read, carrying)
        finally:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)


async def test_bytes_pass_both_ways(world: World) -> None:
    said = bytes(range(256)) * 2048
    async with lent(world) as (port, _), carried(port) as ends:
        assert await ends.hear(len(HELLO)) == HELLO
        writing = threading.Thread(target=lambda: _write_all(ends.write, said))
        writing.start()
        assert await ends.hear(len(said)) == said
        writing.join()


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


async def test_what_is_no_pipe_is_refused_in_words() -> None:
    config = ClientConfig(server="http://127.0.0.1:1")
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        with pipes() as (_, _, source, sink):
            for ends in ((nothing, sink), (source, nothing)):
                with pytest.raises(TunnelError, match="have ssh start this: ssh -o 'ProxyCommand="):
                    await carry(config, 7, *ends)
    finally:
        os.close(nothing)


async def test_why_it_ended_is_told(world: World) -> None:
    async with lent(world) as (port, board):
        async with carried(port) as ends:
            await ends.hear(len(HELLO))
            board.writers[0].close()
            await asyncio.wait_for(ends.carrying, 20)
        async with carried(port) as ends:
            await ends.hear(len(HELLO))
            await world.requests.close_request(LOCAL_ADMIN, 1)
            with pytest.raises(TunnelError, match="the job has ended"):
                await asyncio.wait_for(ends.carrying, 20)
        async with carried(port, 7) as ends:
            with pytest.raises(TunnelError, match="Request not found"):
                await asyncio.wait_for(ends.carrying, 20)


async def test_who_is_no_server_of_ours_is_told() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as old:
        port = old.sockets[0].getsockname()[1]
        async with carried(port) as ends:
            with pytest.raises(UnavailableError, match=r"no tunnel \(404\).*no WebSockets"):
                await asyncio.wait_for(ends.carrying, 20)
    async with carried(port) as ends:
        with pytest.raises(BorutaError, match="opens no tunnel"):
            await asyncio.wait_for(ends.carrying, 20)


@pytest.mark.parametrize("code", [None, 1001, 1012])
async def test_a_server_that_goes_takes_the_connection_along_and_what_helps_is_told(
    code: int | None,
) -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.send(HELLO)
        if code is None:
            connection.transport.abort()
        else:
            await connection.close(code)

    async with serve(leave, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with carried(port) as ends:
            said = "broke off" if code is None else "ends or starts anew"
            with pytest.raises(TunnelError, match=f"the server {said}, .*: connect again"):
                await asyncio.wait_for(ends.carrying, 20)
