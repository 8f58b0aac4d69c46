"""Streams over a WebSocket, by the agent's own code and by strangers."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.access.outbound import Agents, greeting, outbound_exchange
from tests.access.sockets import dialled
from tests.access.switchboards import entry
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from boruta_farm.access.websocket import LONGEST_MESSAGE, socket_pair
from boruta_farm.dryad.websocket_carrier import WebSocketCarrier, connect_websocket
from boruta_farm.model.errors import BoardError, UnavailableError
from boruta_farm.model.worker import Reach

WITHIN = 20.0
OUTBOUND = dataclasses.replace(entry(1, epoch=3), reach=Reach.OUTBOUND)
ALL_BUFFERS = 64 << 20


def url(agents: Agents) -> str:
    return f"ws://127.0.0.1:{agents.port}/api/v1/stream"


@asynccontextmanager
async def streamed(agents: Agents) -> AsyncIterator[WebSocketCarrier]:
    """Open the stream that is asked for next, as an agent does behind a proxy."""
    wish = await agents.next()
    hello = greeting(wish.worker, wish.epoch, wish.token)
    async with asyncio.timeout(WITHIN):
        carrier = await connect_websocket(url(agents), hello, None)
        try:
            yield carrier
        finally:
            carrier.abort()


async def test_bytes_and_ends_pass_both_ways() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user:
            await user.send(b"early ")
            async with streamed(agents) as board:
                assert await board.receive() == b"early "
                await board.send(b"SSH-2.0-board\r\n")
                assert await user.receive(15) == b"SSH-2.0-board\r\n"
                await board.end()
                assert await user.rest() == b""
                await user.send(b"the user may still speak")
                assert await board.receive() == b"the user may still speak"
                user.writer.write_eof()
                assert await board.receive() == b""
                await board.finish()


async def test_much_arrives_whole_and_in_order() -> None:
    data = bytes(range(256)) * 4096
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user, streamed(agents) as board:
            user.writer.write(data)
            got = b""
            while len(got) < len(data):
                got += await board.receive()
            assert got == data
            for start in range(0, len(data), 100_000):
                await board.send(memoryview(data)[start : start + 100_000])
            assert await user.receive(len(data)) == data


async def test_a_message_in_pieces_is_part_of_the_stream() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user:
            wish = await agents.next()
            async with asyncio.timeout(WITHIN), connect(url(agents), proxy=None) as board:
                await board.send(greeting(wish.worker, wish.epoch, wish.token))
                await board.recv()
                await board.send([b"", b"one ", b"", b"two"])
                assert await user.receive(7) == b"one two"


async def test_a_used_token_is_refused() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port):
            wish = await agents.next()
            hello = greeting(wish.worker, wish.epoch, wish.token)
            first = await connect_websocket(url(agents), hello, None)
            with pytest.raises(BoardError, match="refused"):
                await connect_websocket(url(agents), hello, None)
            first.abort()


async def test_the_jobs_end_cuts_it() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user, streamed(agents) as board:
            agents.relay.put(dataclasses.replace(OUTBOUND, epoch=None, cut_in=None))
            assert await user.end() == "reset"
            with pytest.raises(OSError, match="closed"):
                await board.receive()


async def test_an_agent_that_breaks_off_breaks_the_users_connection() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user, streamed(agents) as board:
            await board.send(b"x")
            assert await user.receive(1) == b"x"
            board.abort()
            assert await user.end() == "reset"


@pytest.mark.parametrize("to_board", [True, False])
async def test_a_side_that_does_not_read_holds_the_other_back(to_board: bool) -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user, streamed(agents) as board:
            sent, data = 0, bytes(1 << 18)
            if not to_board:
                user.reader._transport.pause_reading()  # type: ignore[attr-defined]  # no public way
            try:
                while sent < ALL_BUFFERS:
                    async with asyncio.timeout(0.5):
                        if to_board:
                            user.writer.write(data)
                            await user.writer.drain()
                        else:
                            await board.send(data)
                    sent += len(data)
            except TimeoutError:
                pass
            assert sent < ALL_BUFFERS, "nothing held the sender back"


async def test_browsers_are_turned_away() -> None:
    async with outbound_exchange() as agents:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url(agents), origin="https://evil.example", proxy=None)  # type: ignore[arg-type]  # Origin is a str


@pytest.mark.parametrize("message", ["text", bytes(LONGEST_MESSAGE + 1)])
async def test_what_is_no_stream_is_hung_up_on(message: str | bytes) -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user:
            wish = await agents.next()
            async with asyncio.timeout(WITHIN), connect(url(agents), proxy=None) as board:
                await board.send(greeting(wish.worker, wish.epoch, wish.token))
                await board.recv()
                await board.send(message)
                with pytest.raises(ConnectionClosed):
                    await board.recv()
            assert await user.end() == "reset"


async def test_plain_http_gets_no_stream() -> None:
    async with outbound_exchange() as agents, dialled(agents.port) as stranger:
        await stranger.send(b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await stranger.rest()).startswith(b"HTTP/1.1 426")


async def test_a_relay_that_is_not_there_is_out_of_reach() -> None:
    async with outbound_exchange() as agents:
        gone = url(agents)
    with pytest.raises(UnavailableError, match="takes no stream"):
        await connect_websocket(gone, b"{}\n", None)


def test_the_pair_is_joined() -> None:
    near, far = socket_pair()
    with near, far:
        assert near.getpeername() == far.getsockname()
        assert not near.getblocking()
