"""Threat: who reaches the port of boards over Go RPC, and says nothing, or says it slowly."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest

from boruta_farm.gorpc.callers import Places
from boruta_farm.gorpc.client import call_once
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.errors import DisconnectedError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS
from boruta_farm.gorpc.pace import Pace
from boruta_farm.gorpc.rpc import (
    NO_REPLY,
    REQUEST,
    RESPONSE,
    RequestHeader,
    ResponseHeader,
)
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import HEALTHCHECK
from tests.gorpc.farmyard import Recorder

MOST = 8
PER_SOURCE = 4
WITHIN = 30.0
EMPTY = (HEALTHCHECK.argument, Empty())
DRIP = Encoder(DEFAULT_LIMITS).encode((REQUEST, RequestHeader(method="x", sequence=1)))[:-1]


@contextmanager
def strangers(address: tuple[str, int], count: int, words: bytes) -> Iterator[list[socket.socket]]:
    """Connect many times from one address that no board has."""
    with ExitStack() as stack:
        held = []
        for _ in range(count):
            stranger = stack.enter_context(socket.socket())
            stranger.bind(("127.0.1.66", 0))
            stranger.settimeout(WITHIN)
            stranger.connect(address)
            stranger.sendall(words)
            held.append(stranger)
        yield held


@asynccontextmanager
async def served(pace: Pace | None = None) -> AsyncIterator[tuple[str, int]]:
    """Serve boards with few places."""
    places = Places(in_total=MOST, per_source=PER_SOURCE)
    async with RpcServer(Recorder().routes(), places=places, pace=pace) as server:
        yield "127.0.0.1", await server.listen_tcp("127.0.0.1", 0)


async def cut(stranger: socket.socket) -> None:
    """Wait until the server has hung up."""
    stranger.setblocking(False)
    try:
        async with asyncio.timeout(WITHIN):
            assert await asyncio.get_running_loop().sock_recv(stranger, 1) == b""
    except ConnectionResetError:
        return


@pytest.mark.parametrize("words", [b"", DRIP], ids=["silent", "in the middle of a call"])
async def test_strangers_keep_no_board_out_and_hold_few_places(words: bytes) -> None:
    async with served() as address:
        with strangers(address, 3 * MOST, words) as held:
            await call_once(address, HEALTHCHECK, Empty())
            for stranger in held[:-PER_SOURCE]:
                await cut(stranger)


async def test_strangers_who_say_nothing_take_no_board_s_turn() -> None:
    async with served(Pace(3600.0)) as address:
        with strangers(address, PER_SOURCE, b""):
            async with asyncio.timeout(WITHIN):
                await call_once(address, HEALTHCHECK, Empty())


async def test_who_makes_calls_without_end_waits_and_others_do_not() -> None:
    """A refused call costs as much as a good one."""
    recorder = Recorder()
    places = Places(calls=2)
    encoder = Encoder(DEFAULT_LIMITS)
    flood = b"".join(
        encoder.encode((REQUEST, RequestHeader(method=HEALTHCHECK.name, sequence=n)), EMPTY)
        for n in range(500)
    )
    async with RpcServer(recorder.routes(), places=places) as server:
        address = "127.0.0.1", await server.listen_tcp("127.0.0.1", 0)
        with strangers(address, 1, flood):
            async with asyncio.timeout(WITHIN):
                await call_once(address, HEALTHCHECK, Empty())
            theirs = [peer for _, _, peer in recorder.calls if peer.host == "127.0.1.66"]
            assert len(theirs) <= 20


async def test_a_board_that_answers_what_nobody_asked_is_hung_up_on() -> None:
    """Its replies would be read for as long as one is waited for: a minute, again and again."""
    encoder = Encoder(DEFAULT_LIMITS)
    reply = ResponseHeader(method=HEALTHCHECK.name, sequence=10**6, error="x" * 1000)
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.read(1)
        try:
            while sent < 100_000:
                writer.write(encoder.encode((RESPONSE, reply), (NO_REPLY, Empty())))
                await writer.drain()
                sent += 1
        except ConnectionError:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as board:
        host, port = board.sockets[0].getsockname()
        with pytest.raises(DisconnectedError, match="replies that nobody asked for"):
            await call_once((host, port), HEALTHCHECK, Empty())
