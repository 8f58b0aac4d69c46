"""The relay as a process, talked to line by line."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from tests.access.processes import gone
from tests.access.relays import Relays
from tests.access.sockets import LOOPBACK, dialled, listening_board
from tests.access.switchboards import entry
from tests.ports import free_port

from boruta_farm import __version__
from boruta_farm.access import messages
from boruta_farm.access.link import RelayLink, start_relay, stop_relay
from boruta_farm.access.messages import Message
from boruta_farm.access.relay import NAME_TAKEN
from boruta_farm.access.rendezvous import SOCKET, call, draining

WITHIN = 60.0


@asynccontextmanager
async def linked(relays: Relays, name: str = SOCKET) -> AsyncIterator[RelayLink]:
    """Talk to a relay, starting one when needed."""
    if not (relays.folder / name).exists():
        await start_relay(relays.folder)
    link = await RelayLink.open(relays.folder, name)
    relays.pids.add(link.pid)
    try:
        yield link
    finally:
        await link.close()


def run_relay(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a relay to its end."""
    return subprocess.run(
        [sys.executable, "-m", "boruta_farm.access.relay", "--data", str(folder), *options],
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )


async def next_of(link: RelayLink, kind: str) -> Message:
    """Return the next message of a kind."""
    async with asyncio.timeout(WITHIN):
        while (message := await link.next()) is not None:
            if message.kind == kind:
                return message
    raise AssertionError(f"the relay hung up before it said {kind}")


async def hung_up(link: RelayLink) -> None:
    """Return when the relay has hung up."""
    async with asyncio.timeout(WITHIN):
        while await link.next() is not None:
            pass


def want(link: RelayLink, lines: Sequence[bytes]) -> None:
    """Send a full wanted set."""
    link.tell(messages.BEGIN, listen=LOOPBACK)
    for line in lines:
        link.send(line)
    link.tell(messages.COMMIT)


async def settled(link: RelayLink) -> None:
    """Return when the relay has done all it was told."""
    link.tell(messages.PING, sequence=9)
    assert (await next_of(link, messages.PONG)).whole("sequence") == 9


async def test_it_greets_with_its_version_and_what_it_holds(relays: Relays) -> None:
    port = free_port()
    async with linked(relays) as link:
        assert link.version == __version__
        assert link.holds == {}
        want(link, [entry(1, port=port, epoch=4).line(messages.ROUTE)])
        await settled(link)
        async with linked(relays) as other:
            assert (other.holds["w1"].port, other.holds["w1"].epoch) == (port, 4)


def test_it_ends_by_itself_when_idle_without_a_server(tmp_path: Path) -> None:
    ended = run_relay(tmp_path, "--idle-exit", "0.1")
    assert ended.returncode == 0
    assert "no server and no job" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["relay.lock"]


async def test_only_one_serves_a_folder(relays: Relays) -> None:
    async with linked(relays) as link:
        refused = await asyncio.to_thread(run_relay, relays.folder)
        assert refused.returncode == NAME_TAKEN
        assert "another relay" in refused.stderr
        await start_relay(relays.folder)
        await settled(link)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    refused = run_relay(tmp_path / "absent")
    assert refused.returncode == 1
    assert "No such file" in refused.stderr


@pytest.mark.parametrize("how", ["stop", "SIGTERM", "SIGINT"])
async def test_it_ends_at_once_when_told_and_cuts_its_sessions(relays: Relays, how: str) -> None:
    async with listening_board() as board, linked(relays) as link:
        port = free_port()
        want(link, [entry(board.port, port=port, epoch=1).line(messages.ROUTE)])
        await settled(link)
        async with dialled(port) as client:
            peer = await board.next()
            if how == "stop":
                assert await stop_relay(relays.folder)
            else:
                os.kill(link.pid, signal.Signals[how])
            assert await client.end() == "reset"
            assert await peer.end() == "reset"
        await hung_up(link)
        await gone(link.pid)
    assert not await stop_relay(relays.folder)


async def test_it_survives_the_hang_up_of_its_terminal(relays: Relays) -> None:
    async with linked(relays) as link:
        os.kill(link.pid, signal.SIGHUP)
        await settled(link)


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b'{"type": "unheard-of"}\n',
        b'{"type": "commit"}\n',
        b'{"type": "drop", "worker": "w1"}\n',
        b'{"type": "ping"}\n',
        b'{"type": "put", "worker": "w1", "port": 1, "host": "h", "target": 1}\n',
        b"x" * (messages.LINE_LIMIT * 2 + 1) + b"\n",
    ],
)
async def test_who_breaks_the_protocol_is_hung_up_on(relays: Relays, line: bytes) -> None:
    async with linked(relays) as good:
        async with linked(relays) as bad:
            bad.send(line)
            await hung_up(bad)
        await settled(good)


async def test_an_unfinished_wanted_set_changes_nothing(relays: Relays) -> None:
    async with linked(relays) as link:
        want(link, [entry(1, port=free_port(), epoch=4).line(messages.ROUTE)])
        await settled(link)
        async with linked(relays) as other:
            other.tell(messages.BEGIN, listen=LOOPBACK)
            await settled(other)
        await settled(link)
        async with linked(relays) as third:
            assert set(third.holds) == {"w1"}


async def test_a_draining_relay_gives_up_its_name_and_ends_with_its_last_job(
    relays: Relays,
) -> None:
    async with listening_board() as board, linked(relays) as old:
        port = free_port()
        want(
            old,
            [
                entry(board.port, port=port, epoch=1).line(messages.ROUTE),
                entry(board.port, worker="w2", port=free_port()).line(messages.ROUTE),
            ],
        )
        await settled(old)
        old.tell(messages.DRAIN)
        assert (await next_of(old, messages.RELEASED)).text("worker") == "w2"
        await settled(old)
        [name] = draining(relays.folder)
        async with linked(relays) as new, linked(relays, name) as again:
            assert new.pid != old.pid == again.pid
            assert set(again.holds) == {"w1"}
            want(again, [])
            assert (await next_of(again, messages.RELEASED)).text("worker") == "w1"
            await hung_up(again)
        await gone(old.pid)
        assert draining(relays.folder) == ()


async def test_a_draining_relay_without_jobs_ends_at_once(relays: Relays) -> None:
    async with linked(relays) as link:
        link.tell(messages.DRAIN)
        await hung_up(link)
        await gone(link.pid)


async def send_for_ever(sink: socket.socket, data: bytes) -> NoReturn:
    while True:
        await asyncio.get_running_loop().sock_sendall(sink, data)


async def test_a_server_that_reads_nothing_is_hung_up_on(relays: Relays) -> None:
    """It would otherwise fill the relay's memory with reports."""
    await start_relay(relays.folder)
    async with linked(relays) as link:
        loop = asyncio.get_running_loop()
        with call(relays.folder) as deaf:
            # The report of a worker that was dropped is as long as its name.
            name = "w" * 8000
            taken = entry(1, worker=name, port=free_port())
            flood = taken.line(messages.PUT) + b'{"type": "drop", "worker": "%b"}\n' % name.encode()
            begin = b'{"type": "begin", "listen": "127.0.0.1"}\n{"type": "commit"}\n'
            await loop.sock_sendall(deaf, begin)
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                await asyncio.wait_for(send_for_ever(deaf, flood * 10), 3 * WITHIN)
        await settled(link)


async def test_a_caller_that_reads_no_answers_is_hung_up_on(relays: Relays) -> None:
    await start_relay(relays.folder)
    async with linked(relays) as link:
        with call(relays.folder) as deaf:
            ping = b'{"type": "ping", "sequence": 1%b}\n' % (b"0" * 1000)
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                await asyncio.wait_for(send_for_ever(deaf, ping * 100), 3 * WITHIN)
        await settled(link)
