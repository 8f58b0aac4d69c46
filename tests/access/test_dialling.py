"""Reaching a board that may or may not be dialled: whichever way comes first."""

import asyncio
import dataclasses
import socket

import pytest
from tests.access.outbound import outbound_exchange
from tests.access.sockets import LOOPBACK, dialled, listening_board, tcp_pair
from tests.access.switchboards import entry
from tests.ports import free_port

from boruta_farm.access import dialling
from boruta_farm.access.streams import Streams
from boruta_farm.model.worker import Reach

WITHIN = 20.0


async def test_a_board_that_can_be_dialled_is_and_no_agent_is_asked() -> None:
    async with listening_board() as board, outbound_exchange() as agents:
        wanted = dataclasses.replace(entry(board.port, epoch=3), reach=Reach.AUTO)
        port = agents.relay.put(wanted)
        async with dialled(port) as user:
            peer = await board.next()
            await peer.send(b"direct")
            assert await user.receive(6) == b"direct"
        assert agents.asked == 0


async def test_where_dialling_is_refused_the_agent_is_asked() -> None:
    async with outbound_exchange() as agents:
        wanted = dataclasses.replace(entry(free_port(), epoch=3), reach=Reach.AUTO)
        port = agents.relay.put(wanted)
        async with dialled(port) as user, agents.stream() as board:
            await board.send(b"outbound")
            assert await user.receive(8) == b"outbound"


async def test_where_dialling_hangs_the_agent_is_asked_and_wins() -> None:
    """A backlog that is full swallows connections, as a firewall does."""
    with socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        number = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex((LOOPBACK, number))
            async with outbound_exchange() as agents:
                wanted = dataclasses.replace(entry(number, epoch=3), reach=Reach.AUTO)
                port = agents.relay.put(wanted)
                async with dialled(port) as user, agents.stream() as board:
                    await board.send(b"outbound")
                    assert await user.receive(8) == b"outbound"
        finally:
            for filler in fillers:
                filler.close()


async def test_where_neither_way_leads_the_user_is_let_go() -> None:
    async with outbound_exchange() as agents:
        wanted = dataclasses.replace(entry(free_port(), epoch=3), reach=Reach.AUTO)
        port = agents.relay.put(wanted)
        async with dialled(port) as user:
            wish = await agents.next()
            agents.relay.board.streams.refuse(wish.token, "the agent is too old")
            assert await user.end() == "closed"


async def test_two_that_come_at_once_are_one_too_many_which_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, both = asyncio.get_running_loop(), asyncio.Event()
    pairs = [tcp_pair(), tcp_pair()]

    async def come(number: int) -> socket.socket:
        await both.wait()
        return pairs[number][0]

    class Agent(Streams):
        async def open(self, worker: str, epoch: int) -> socket.socket:
            both.set()
            return await come(1)

    async def dial(loop: object, host: str, port: int, worker: str) -> socket.socket:
        return await come(0)

    monkeypatch.setattr(dialling, "dial", dial)
    monkeypatch.setattr(dialling, "HEAD_START", 0.0)
    wanted = dataclasses.replace(entry(1, epoch=3), reach=Reach.AUTO)
    async with asyncio.timeout(WITHIN):
        won = await dialling.reach(loop, Agent(loop), wanted, 3)
        [end_of_the_lost] = [far for near, far in pairs if near is not won]
        assert await loop.sock_recv(end_of_the_lost, 1) == b""
    for near, far in pairs:
        near.close()
        far.close()
