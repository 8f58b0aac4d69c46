"""Agents' streams on real sockets: greeting, refusal, back-pressure, cutting."""

import asyncio
import dataclasses
import socket

import pytest
from tests.access.logs import logged
from tests.access.outbound import OPENED, REFUSED, greeting, outbound_exchange
from tests.access.sockets import LOOPBACK, Peer, dialled
from tests.access.switchboards import entry
from tests.ports import free_port

from boruta_farm.access.gate import LONGEST_GREETING, Gate
from boruta_farm.access.streams import Streams
from boruta_farm.model.worker import Reach

WITHIN = 20.0
OUTBOUND = dataclasses.replace(entry(1, epoch=3), reach=Reach.OUTBOUND)
FLOOD = bytes(1 << 20)
ALL_BUFFERS = 64 << 20
"""More than every socket and buffer between a sender and a reader can hold."""


async def flood(sender: Peer) -> int:
    """Send until nobody takes more for a while, or far too much; return how much it was."""
    sent = 0
    while sent < ALL_BUFFERS:
        sender.writer.write(FLOOD)
        try:
            async with asyncio.timeout(0.5):
                await sender.writer.drain()
        except TimeoutError:
            break
        sent += len(FLOOD)
    return sent


async def test_bytes_pass_both_ways_and_ends_are_passed_on() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user, agents.stream() as board:
            await board.send(b"SSH-2.0-board\r\n")
            assert await user.receive(15) == b"SSH-2.0-board\r\n"
            await user.send(b"question")
            user.writer.write_eof()
            assert await board.rest() == b"question"
            await board.send(b"answer")
            board.writer.write_eof()
            assert await user.rest() == b"answer"


async def test_what_the_user_said_early_arrives_in_order() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user:
            await user.send(b"early ")
            async with agents.stream() as board:
                await user.send(b"late")
                assert await board.receive(10) == b"early late"


async def test_each_connection_gets_a_stream_of_its_own() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with (
            dialled(port) as one,
            agents.stream() as first,
            dialled(port) as two,
            agents.stream() as second,
        ):
            await first.send(b"1")
            await second.send(b"2")
            assert (await one.receive(1), await two.receive(1)) == (b"1", b"2")


async def test_the_jobs_end_cuts_its_streams() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user, agents.stream() as board:
            agents.relay.put(dataclasses.replace(OUTBOUND, epoch=None, cut_in=None))
            assert await user.end() == "reset"
            assert await board.end() == "reset"


async def test_a_token_dies_with_the_job_it_was_made_for() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user:
            wish = await agents.next()
            agents.relay.put(dataclasses.replace(OUTBOUND, epoch=4))
            assert await user.end() == "reset"
        async with dialled(agents.port) as late:
            await late.send(greeting(wish.worker, wish.epoch, wish.token))
            assert await late.rest() == REFUSED


async def test_a_used_token_is_refused_and_disturbs_nobody() -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user:
            wish = await agents.next()
            hello = greeting(wish.worker, wish.epoch, wish.token)
            async with dialled(agents.port) as first, dialled(agents.port) as second:
                await first.send(hello)
                assert await first.receive(len(OPENED)) == OPENED
                await second.send(hello)
                assert await second.rest() == REFUSED
                await first.send(b"board")
                assert await user.receive(5) == b"board"


@pytest.mark.parametrize(
    "line",
    [
        b"SSH-2.0-scanner\r\n",
        b'{"worker": "w1", "epoch": 3}\n',
        b'{"worker": "w1", "epoch": true, "token": "x"}\n',
        b'["w1", 3, "x"]\n',
        b"\n",
        b"x" * (LONGEST_GREETING + 1),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_who_does_not_greet_is_hung_up_on(line: bytes) -> None:
    async with outbound_exchange() as agents, dialled(agents.port) as stranger:
        await stranger.send(line)
        await stranger.end()


async def test_who_says_nothing_is_hung_up_on_and_others_are_not_kept_waiting() -> None:
    loop = asyncio.get_running_loop()
    gate = Gate(loop, Streams(loop), greet_within=0.1, per_source=2)
    gate.listen(LOOPBACK, 0)
    try:
        async with dialled(gate.port) as one, dialled(gate.port) as two, dialled(gate.port) as new:
            assert await one.end() in ("closed", "reset")
            assert await two.end() == await new.end() == "closed"
        async with dialled(gate.port) as later:
            await later.send(greeting("w1", 1, "nonsense-nonsense"))
            assert await later.rest() == REFUSED
    finally:
        await gate.close()


async def test_a_taken_port_is_told_and_taken_once_it_is_free(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("boruta_farm.access.gate.RETRY_AFTER", 0.01)
    caplog.set_level("INFO")
    loop = asyncio.get_running_loop()
    gate = Gate(loop, Streams(loop))
    told: asyncio.Queue[str] = asyncio.Queue()
    gate.failed = told.put_nowait
    async with logged("streams arrive at"):
        with socket.create_server((LOOPBACK, 0)) as taken:
            port = taken.getsockname()[1]
            gate.listen(LOOPBACK, port)
            async with asyncio.timeout(WITHIN):
                assert "in use" in await told.get()
            assert gate.port == 0
    assert gate.port == port
    await gate.close()


async def test_a_draining_relay_gives_its_port_to_the_next() -> None:
    async with outbound_exchange() as agents:
        gate, port = agents.relay.board.gate, free_port()
        gate.listen(LOOPBACK, port)
        agents.relay.put(OUTBOUND)
        agents.relay.board.drain()
        assert gate.port not in (0, port)
        with socket.create_server((LOOPBACK, port)):
            user_port = agents.relay.board.port("w1")
            assert user_port is not None
            async with dialled(user_port.number) as user, agents.stream() as board:
                await board.send(b"moved")
                assert await user.receive(5) == b"moved"


@pytest.mark.parametrize("to_board", [True, False])
async def test_a_side_that_does_not_read_holds_the_other_back(to_board: bool) -> None:
    async with outbound_exchange() as agents:
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user, agents.stream() as board:
            sender, reader = (user, board) if to_board else (board, user)
            reader.reader._transport.pause_reading()  # type: ignore[attr-defined]  # no public way
            sent = await flood(sender)
            assert sent < ALL_BUFFERS, "nothing held the sender back"
            sender.writer.transport.abort()
