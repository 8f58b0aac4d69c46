"""The front door's process: found, started, replaced; what came through it goes on."""

import asyncio
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.access import rendezvous
from boruta_farm.frontdoor.host_key import FILE, host_key
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.front_door import TERMINAL
from boruta_farm.server import front_door
from boruta_farm.server.front_door import DoorGreeting, FrontDoor, stop_doors
from tests.ports import free_port

Told = asyncio.Queue[DoorGreeting | None]


@asynccontextmanager
async def attended(data: Path, port: int) -> AsyncIterator[Told]:
    told: Told = asyncio.Queue()
    door = FrontDoor(data, ("127.0.0.1", port), told.put_nowait)
    keeping = asyncio.create_task(door.keep_at_hand())
    try:
        yield told
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_the_door_is_started_outlives_its_server_and_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    try:
        async with attended(tmp_path, port) as told:
            greeting = await told.get()
            assert greeting is not None
            assert greeting.port == port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"SSH-2.0-")
        pid = int((tmp_path / "door.lock").read_text())
        async with attended(tmp_path, port) as told:
            assert await told.get() is not None
            assert int((tmp_path / "door.lock").read_text()) == pid, "it is the same one"
        writer.close()
    finally:
        await stop_doors(tmp_path)
    assert not (tmp_path / "door.sock").exists()


async def test_the_door_keeps_terminals_for_servers_of_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    door = FrontDoor(tmp_path, ("127.0.0.1", port))
    assert await door.terminal_line() is None, "nobody listens"
    try:
        async with attended(tmp_path, port) as told:
            assert await told.get() is not None
            line = await door.terminal_line()
            assert line is not None
            access = {"ip": "127.0.0.1", "port": 1, "username": "u", "key": "", "host_key": None}
            wanted = {"request": 7, "access": access, "asked": {"kind": "shell"}}
            wanted |= {"position": None, "types": True}
            line.ask(f"{TERMINAL} {json.dumps(wanted)}".encode())
            _, answer = await line.take()
            assert "request 7 has no key" in json.loads(answer)["refused"]
            line.close()
            monkeypatch.setattr(front_door, "__version__", "another")
            assert await door.terminal_line() is None
            monkeypatch.undo()
    finally:
        await stop_doors(tmp_path)


async def test_a_door_that_its_server_has_left_for_good_ends(tmp_path: Path) -> None:
    port = free_port()
    command = ("-m", "boruta_farm.frontdoor.process", "--detach", "--idle-exit", "0.5")
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--data", str(tmp_path)),
        *("--ssh-addr", f"127.0.0.1:{port}"),
    )
    assert await started.wait() == 0
    process = os.pidfd_open(int((tmp_path / "door.lock").read_text()))
    try:
        ended = select.poll()
        ended.register(process, select.POLLIN)
        assert await asyncio.to_thread(ended.poll, 60_000), "it goes on"
    finally:
        os.close(process)
    assert not (tmp_path / "door.sock").exists()


async def test_a_unit_of_its_own_is_waited_for_and_taken_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever may not start one cannot replace one either: nobody would come in meanwhile."""
    said: Told = asyncio.Queue()
    door = FrontDoor(tmp_path, ("127.0.0.1", 8022), said.put_nowait, start=False)
    keeping = asyncio.create_task(door.keep_at_hand())
    told = {"version": "0.0.1", "asked": ":8022", "port": 8022, "key": "ssh-ed25519 AAAA"}
    greeted = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{json.dumps(told)}\n".encode())
        assert await reader.read() == b"", "it is told nothing"
        greeted.set()
        writer.close()

    seat = rendezvous.Seat.take(tmp_path, "door")
    server = await asyncio.start_unix_server(greet, sock=seat.listener)
    greeting = await asyncio.wait_for(said.get(), 10)
    assert greeting is not None
    assert greeting.version == "0.0.1"
    assert "restart its unit" in caplog.text
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await greeted.wait()
    server.close()
    seat.close()


@pytest.mark.prove
async def test_one_that_listens_elsewhere_drains_and_one_that_died_is_replaced(
    tmp_path: Path,
) -> None:
    first, second = free_port(), free_port()
    try:
        async with attended(tmp_path, first) as told:
            assert await told.get() is not None
            pid = int((tmp_path / "door.lock").read_text())
        async with attended(tmp_path, second) as told:
            assert await told.get() is not None
            other = int((tmp_path / "door.lock").read_text())
            assert other != pid
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", first)
            os.kill(other, signal.SIGKILL)
            assert await told.get() is None
            assert await told.get() is not None
            assert int((tmp_path / "door.lock").read_text()) not in (pid, other)
    finally:
        await stop_doors(tmp_path)


def test_the_doors_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = host_key(tmp_path)
    assert host_key(tmp_path).public_data == first.public_data
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / FILE).write_text("no key")
    with pytest.raises(ConfigError, match="holds no private key"):
        host_key(tmp_path)
    assert isinstance(first, asyncssh.SSHKey)
