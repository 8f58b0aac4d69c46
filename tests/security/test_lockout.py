"""Threat: strangers who reach a port and say nothing keep out those whom it is for."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest

from boruta_farm.access.connection import PROVEN_BYTES
from boruta_farm.access.gate import REFUSED, Gate
from boruta_farm.access.streams import Streams
from tests.access.sockets import BOARD_BANNER, Board, Peer, dialled, listening_board
from tests.access.switchboards import Exchange, entry, exchange

VERSION = b"SSH-2.0-client\r\n"
LIMIT = 8
AT_BOARD = 2
WITHIN = 30.0


@contextmanager
def strangers(port: int, count: int, words: bytes = b"", first: int = 0) -> Iterator[None]:
    """Connect many times, each from an address of its own unless ``first`` is 0, and idle."""
    with ExitStack() as stack:
        for number in range(count):
            host = f"127.0.1.{first + number}" if first else "127.0.0.1"
            stranger = stack.enter_context(socket.socket())
            stranger.bind((host, 0))
            stranger.settimeout(WITHIN)
            stranger.connect(("127.0.0.1", port))
            stranger.sendall(words)
        yield


@asynccontextmanager
async def lent(patience: float = 600.0) -> AsyncIterator[tuple[Exchange, Board, int]]:
    """Lend a board whose tunnel takes few connections."""
    bounds = exchange(per_port=LIMIT, silent=LIMIT, at_board=AT_BOARD, patience=patience)
    async with listening_board() as board, bounds as relay:
        yield relay, board, relay.put(entry(board.port, epoch=1))


async def greeted(client: Peer, board: Board) -> Peer:
    """Sign in as far as the version lines; strangers who reach the board say nothing there."""
    await client.send(VERSION)
    async with asyncio.timeout(WITHIN):
        while True:
            peer = await board.next()
            try:
                async with asyncio.timeout(0.2):
                    said = await peer.receive(len(VERSION))
            except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                continue
            if said != VERSION:
                continue
            await peer.send(BOARD_BANNER)
            assert await client.receive(len(BOARD_BANNER)) == BOARD_BANNER
            return peer


@pytest.mark.parametrize("first", [0, 1], ids=["one address", "many addresses"])
async def test_silent_strangers_do_not_keep_the_lessee_out(first: int) -> None:
    async with lent() as (relay, board, port):
        with strangers(port, 3 * LIMIT, first=first):
            async with dialled(port) as lessee:
                await greeted(lessee, board)
                assert board.accepted <= 3 * AT_BOARD
                await relay.heard.until(lambda heard: heard.counts.get("w1") == LIMIT)


async def test_strangers_who_know_ssh_s_first_line_do_not_either() -> None:
    async with lent() as (_, board, port):
        with strangers(port, 3 * LIMIT, b"SSH-2.0-stranger\r\n", first=1):
            async with dialled(port) as lessee:
                await greeted(lessee, board)


async def test_sessions_are_never_cut_for_strangers() -> None:
    async with lent() as (_, board, port), dialled(port) as lessee:
        peer = await greeted(lessee, board)
        await lessee.send(bytes(PROVEN_BYTES))
        await peer.receive(PROVEN_BYTES)
        with strangers(port, 3 * LIMIT, first=1), strangers(port, 3 * LIMIT, b"SSH-", first=101):
            await lessee.send(b"still here")
            assert await peer.receive(10) == b"still here"


async def test_who_only_looks_like_a_session_makes_room_once_the_agent_tells() -> None:
    """One address with SSH's first line and some kilobytes passed for many sessions."""
    async with lent() as (relay, board, port), dialled(port) as first:
        peer = await greeted(first, board)
        signed_in = peer.socket.getpeername()[1]
        with strangers(port, 3 * LIMIT, b"SSH-2.0-stranger\r\n" + bytes(PROVEN_BYTES)):
            await relay.heard.until(lambda heard: heard.counts.get("w1") == LIMIT)
            relay.board.signed_in("w1", 1, frozenset((signed_in,)))
            async with dialled(port) as lessee:
                await greeted(lessee, board)
            await first.send(b"still here")
            assert await peer.receive(10) == b"still here"


async def test_the_agent_s_word_counts_for_its_job_and_where_ports_are_known() -> None:
    async with lent() as (relay, board, port), dialled(port) as first:
        peer = await greeted(first, board)
        signed_in = peer.socket.getpeername()[1]
        held = relay.board.port("w1")
        assert held is not None
        (connection,) = held.connections
        assert held.session(connection) is None, "nothing was told"
        relay.board.signed_in("w1", 2, frozenset())
        assert held.session(connection) is None, "another job's"
        relay.board.signed_in("w1", 1, frozenset((signed_in,)))
        assert held.session(connection) is True
        relay.board.signed_in("w1", 1, frozenset())
        assert held.session(connection) is False
        relay.board.signed_in("w1", 1, frozenset((1,)))
        assert held.session(connection) is None, "something between changes the ports"


async def test_patience_ends() -> None:
    async with lent(patience=0.05) as (relay, board, port):
        async with dialled(port) as silent:
            assert await silent.end() == "reset"
        async with dialled(port) as lessee:
            await greeted(lessee, board)
            await relay.heard.until(lambda heard: heard.counts.get("w1") == 1)


@pytest.mark.parametrize("first", [0, 1], ids=["one address", "many addresses"])
async def test_silent_strangers_do_not_keep_agents_streams_out(first: int) -> None:
    loop = asyncio.get_running_loop()
    gate = Gate(loop, Streams(loop), greet_within=600, per_source=4, in_total=LIMIT)
    gate.listen("127.0.0.1", 0)
    try:
        with strangers(gate.port, 3 * LIMIT, first=first):
            async with dialled(gate.port) as agent:
                await agent.send(b'{"worker": "w1", "epoch": 1, "token": "nobody-asked"}\n')
                assert await agent.rest() == REFUSED
    finally:
        await gate.close()
