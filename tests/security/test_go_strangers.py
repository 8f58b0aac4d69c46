"""Threat: who reaches the port of boards over Go RPC, and says nothing, or says it slowly."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest

from boruta_farm.gorpc.callers import Places
from boruta_farm.gorpc.client import call_once
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.limits import DEFAULT_LIMITS
from boruta_farm.gorpc.pace import Pace
from boruta_farm.gorpc.rpc import REQUEST, RequestHeader
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import Server
from boruta_farm.gorpc.services import HEALTHCHECK
from tests.gorpc.farmyard import Recorder

MOST = 8
PER_SOURCE = 4
WITHIN = 30.0
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
    async with Server(Recorder().routes(), places=places, pace=pace) as server:
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
