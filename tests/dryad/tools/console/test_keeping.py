"""The keeper holds the ports: they come and go, and so does the agent, and no byte is lost."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.console import keeping
from boruta_farm.dryad.tools.console.keeping import ConsoleKeeper, KeptConsole
from boruta_farm.dryad.tools.kinds.console import PortPlace
from boruta_farm.model.console import ConsoleEvent
from boruta_farm.model.errors import BoardError
from tests.dryad.tools.console.lines import Device, serial, until, wired


async def test_a_console_is_read_written_and_cut_off(tmp_path: Path) -> None:
    async with wired(tmp_path) as board:
        board.device.say(b"U-Boot 2026.01\r\n=> ")
        await board.seen(b"=> ")
        await board.tool.desk.kept.write(b"boot\r" * 1000)
        assert board.device.hear(5000) == b"boot\r" * 1000
        # What the port still holds when a job is cut off is that job's.
        board.device.say(b"secret")
        await board.tool.desk.kept.cut()
        assert board.log() == b""
        ring = board.tool.desk.kept.ring
        assert b"".join(p.data for p in ring.pieces(0, ring.floor, 100)).endswith(b"=> secret")
        await board.tool.desk.kept.send_break()


async def test_a_port_that_vanishes_is_told_and_taken_up_again(tmp_path: Path) -> None:
    async with wired(tmp_path) as board:
        board.device.say(b"before ")
        await board.seen(b"before ")
        ring = board.tool.desk.kept.ring
        board.device.unplug()
        await until(lambda: bool(ring.trouble))
        with pytest.raises(BoardError, match="the port is not open"):
            await board.tool.desk.kept.write(b"x")
        with pytest.raises(BoardError, match="not open: "):
            board.tool.desk.words()
        board.device.plug()
        await until(lambda: not ring.trouble)
        assert board.tool.desk.words() == "open, nobody sees it"
        board.device.say(b"after")
        await board.seen(b"after")
        events = [p.event for p in ring.pieces(0, ring.end, 100) if not p.data]
        assert events == [ConsoleEvent.BACK, ConsoleEvent.VANISHED, ConsoleEvent.BACK]
        assert board.log() == b"before after"


async def test_a_keeper_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async with wired(tmp_path) as board:
        old = board.tool.desk.kept
        board.device.say(b"old")
        await board.seen(b"old")
        os.kill(board.consoles.keeper.pid, signal.SIGKILL)
        await until(
            lambda: board.tool.desk.kept is not old and not board.tool.desk.kept.ring.trouble
        )
        board.device.say(b"new")
        await board.seen(b"new")
        assert board.log() == b"new"


async def test_other_settings_are_taken_up_by_another_keeper(tmp_path: Path) -> None:
    first, second = Device(tmp_path / "one"), Device(tmp_path / "two")
    found: list[KeptConsole] = []

    def attach(name: str, connection: socket.socket) -> None:
        found.append(KeptConsole(name, connection, lambda: None))

    keepers = [
        ConsoleKeeper(tmp_path / "k", {"uart": serial(device.path).place()}, attach)
        for device in (first, second)
    ]
    await keepers[0].start()
    await until(lambda: not found[0].ring.trouble)
    await keepers[0].close(leave=True)
    await keepers[1].start()
    assert keepers[0].pid != keepers[1].pid
    await until(lambda: not found[1].ring.trouble)
    second.say(b"the other")
    await until(lambda: found[1].ring.read(0, 100)[1] == b"the other")
    for kept in found:
        kept.close()
    await keepers[1].close(leave=False)
    first.close()
    second.close()


async def test_a_keeper_that_cannot_begin_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeping, "_BOOT", "raise SystemExit('no room')")
    keeper = ConsoleKeeper(tmp_path, {}, lambda _, __: None)
    await keeper.start()
    assert "the keeper cannot be started: no room" in caplog.text
    await keeper.close(leave=False)


async def test_a_program_is_a_console_and_starts_again_when_it_ends(tmp_path: Path) -> None:
    words = ["/bin/sh", "-c", "echo ready; read line; echo got $line"]
    options: dict[str, object] = {"words": words, "environment": {"PATH": os.environ["PATH"]}}
    opener = "boruta_farm.dryad.tools.console.command_port:open_command"
    place = PortPlace(opener=opener, options=options)
    found: list[KeptConsole] = []
    keeper = ConsoleKeeper(
        tmp_path, {"c": place}, lambda n, c: found.append(KeptConsole(n, c, lambda: None))
    )
    await keeper.start()
    ring = found[0].ring
    await until(lambda: ring.read(0, 100)[1] == b"ready\n")
    await found[0].write(b"boot\n")
    await until(lambda: ring.read(0, 100)[1] == b"ready\ngot boot\nready\n")
    with pytest.raises(BoardError, match="knows no break"):
        await found[0].send_break()
    found[0].close()
    await keeper.close(leave=False)


AGENT = """
import asyncio, sys
from pathlib import Path
from boruta_farm.dryad.tools.console.keeping import ConsoleKeeper, KeptConsole
from boruta_farm.dryad.tools.drivers.serial import SerialConsole, SerialSettings

async def main(folder, port):
    place = SerialConsole(SerialSettings(port=port)).place()
    found = []
    keeper = ConsoleKeeper(
        Path(folder), {"uart": place}, lambda n, c: found.append(KeptConsole(n, c, lambda: None))
    )
    await keeper.start()
    while found[0].ring.trouble:
        await asyncio.sleep(0.001)
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def kill_agents(folder: Path, times: int) -> None:
    """Kill agents while a device talks without a pause, then see that every byte is there."""
    device = Device(folder / "tty")
    words = [sys.executable, "-c", textwrap.dedent(AGENT), str(folder / "k"), str(device.path)]
    said = bytearray()
    stop = threading.Event()

    def talk() -> None:
        number = 0
        while not stop.is_set():
            line = b"line %d\n" % number
            device.say(line)
            said.extend(line)
            number += 1
            stop.wait(0.0005)

    talking = threading.Thread(target=talk)
    try:
        for number in range(times):
            agent = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
            assert agent.stdout is not None
            assert await agent.stdout.readline() == b"up\n"
            if number == 0:
                talking.start()
            await asyncio.sleep(0.001 * (number % 7))
            agent.kill()
            await agent.wait()
    finally:
        stop.set()
        talking.join()
    found: list[KeptConsole] = []
    keeper = ConsoleKeeper(
        folder / "k",
        {"uart": serial(device.path).place()},
        lambda n, c: found.append(KeptConsole(n, c, lambda: None)),
    )
    await keeper.start()
    ring = found[0].ring
    await until(lambda: ring.end >= len(said))
    assert len(said) > 0
    assert b"".join(p.data for p in ring.pieces(0, ring.end, 65536)) == said
    found[0].close()
    await keeper.close(leave=False)
    device.close()


async def test_no_byte_is_lost_when_the_agent_is_killed(tmp_path: Path) -> None:
    """``./run faults consoles`` kills it a hundred times."""
    await kill_agents(tmp_path, 2)
