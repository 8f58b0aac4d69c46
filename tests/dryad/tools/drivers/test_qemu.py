"""A machine in QEMU is operated as a device would be: its boot loader answers on a real console."""

import asyncio
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from boruta_farm.dryad.proc.processes import list_processes, read_command_line
from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.console.desk import Viewer
from boruta_farm.dryad.tools.drivers.qemu import DRIVER, QemuPower, QemuReset, QemuScreen
from boruta_farm.dryad.tools.drivers.qemu_card import QemuCard
from boruta_farm.dryad.tools.drivers.qemu_line import QemuLine
from boruta_farm.dryad.tools.drivers.qemu_settings import QemuSettings
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.storage import Holder
from boruta_farm.dryad.tools.opening import open_toolbox
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.model.errors import BoardError, ConfigError
from boruta_farm.settings.table import SettingError
from boruta_farm.testing.bootable import bootable_card
from boruta_farm.testing.emulator import missing_emulator
from tests.dryad.tools.benches import bench
from tests.dryad.tools.console.lines import until
from tests.dryad.tools.drivers.stages import opened, program

WITHIN: Final = 60.0
"""Seconds: a boot loader is there in four, where nothing else runs."""


def real(test: Any) -> Any:
    """Mark a test of the real QEMU, which takes seconds."""
    missing = missing_emulator()
    return pytest.mark.prove(pytest.mark.skipif(bool(missing), reason=missing)(test))


TABLES: Final[Mapping[str, Mapping[str, object]]] = {
    "power": {"driver": "qemu", "display": "virtio-gpu-pci"},
    "uart": {"driver": "qemu", "kind": "console"},
    "card": {"driver": "qemu", "kind": "storage", "size": 8},
    "reset": {"driver": "qemu", "kind": "button"},
    "screen": {"driver": "qemu", "kind": "video"},
}
PROMPT: Final = b"=> "
BOOTED: Final = "from a card that was made for it"
AGENT: Final = """
import asyncio, json, sys
from pathlib import Path
from boruta_farm.dryad.tools.base import Bench
from boruta_farm.dryad.tools.opening import open_toolbox

async def main():
    folder = Path(sys.argv[2])
    bench = Bench(uuid="u", board=sys.argv[3], tool="", folder=folder, stm_socket=folder)
    toolbox = open_toolbox(json.loads(sys.argv[1]), bench)
    await toolbox.start()
    await toolbox.find("power").tool.on()
    print("on", flush=True)
    await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""


@dataclass(slots=True)
class Emulated:
    """A board whose device is a machine in QEMU, its console held by a real keeper."""

    toolbox: Toolbox
    viewer: Viewer = field(init=False)
    said: bytes = field(default=b"", init=False)

    @property
    def power(self) -> QemuPower:
        tool = self.toolbox.find("power").tool
        assert isinstance(tool, QemuPower)
        return tool

    @property
    def reset(self) -> QemuReset:
        tool = self.toolbox.find("button").tool
        assert isinstance(tool, QemuReset)
        return tool

    @property
    def card(self) -> QemuCard:
        tool = self.toolbox.find("storage").tool
        assert isinstance(tool, QemuCard)
        return tool

    @property
    def screen(self) -> QemuScreen:
        tool = self.toolbox.find("video").tool
        assert isinstance(tool, QemuScreen)
        return tool

    @property
    def line(self) -> QemuLine:
        tool = self.toolbox.find("console").tool
        assert isinstance(tool, QemuLine)
        return tool

    async def see(self, text: bytes) -> bytes:
        """Wait for a text on the console; return all up to its end, what was seen before left out.

        What has come since the beginning counts.
        """
        async with asyncio.timeout(WITHIN):
            while text not in self.said:
                await self.viewer.news.wait()
                self.said += self.viewer.look(self.line.desk.kept.ring)
        before, found, self.said = self.said.partition(text)
        return before + found

    async def type(self, text: bytes) -> None:
        await self.line.desk.kept.write(text)

    async def insert(self, content: bytes) -> None:
        """Write to the card what the device is to find there."""
        await self.card.give(Holder.SUPERVISOR)
        async with self.card.open(MediumUse.WRITE) as medium:
            os.write(medium.descriptor, content)
        await self.card.give(Holder.DUT)


@asynccontextmanager
async def emulated(
    folder: Path, tables: Mapping[str, Mapping[str, object]] = TABLES
) -> AsyncIterator[Emulated]:
    """Open a board's tools and its console for the block; nothing of it is left."""
    toolbox = open_toolbox(tables, replace(bench(folder), uuid=str(uuid4()), board=name_in(folder)))
    consoles = Consoles(toolbox, folder)
    await toolbox.start()
    await consoles.start(None)
    board = Emulated(toolbox)
    try:
        await until(lambda: board.line.desk.held and not board.line.desk.kept.ring.trouble)
        board.viewer = board.line.desk.join(0)
        yield board
    finally:
        await consoles.close()
        await toolbox.close()
        assert not machines(folder)


@real
async def test_a_boot_loader_answers_and_starts_from_the_card(tmp_path: Path) -> None:
    async with emulated(tmp_path) as board:
        assert (await board.power.state()).on is False
        await board.type(b"typed into the dark")
        await board.power.on()
        assert (await board.power.state()).on is True
        began = await board.see(PROMPT)
        assert began.lstrip().startswith(b"U-Boot ")
        assert b"0 Storage Device(s) found" in began
        assert b"dark" not in began
        await board.type(b"echo typed into the light\r")
        await board.see(b"\r\ntyped into the light\r\n=> ")

        await board.insert(bootable_card(f"echo {BOOTED}"))
        await board.reset.press()
        await board.reset.release()
        started = await board.see(BOOTED.encode())
        assert b"1 Storage Device(s) found" in started
        await board.see(PROMPT)

        await board.card.give(Holder.SUPERVISOR)
        await board.type(b"usb reset\r")
        assert b"0 Storage Device(s) found" in await board.see(PROMPT)


@real
async def test_the_power_is_cycled_and_a_device_that_switches_itself_off_is_off(
    tmp_path: Path,
) -> None:
    async with emulated(tmp_path) as board:
        await board.power.on()
        [first] = machines(tmp_path)
        await board.power.cycle(0)
        [second] = machines(tmp_path)
        assert second != first
        await board.see(PROMPT)
        await board.type(b"poweroff\r")
        await until(lambda: not board.power.machine.on)
        assert (await board.power.state()).on is False
        with pytest.raises(BoardError, match="the device is off; switch its power on"):
            await board.screen.snapshot()
        await board.power.on()
        await board.see(PROMPT)
        await board.toolbox.reset()
        assert not machines(tmp_path)
        assert board.toolbox.unproved == ("card",), "only what is on the card is not proved"


@real
async def test_a_pressed_reset_button_holds_the_device(tmp_path: Path) -> None:
    async with emulated(tmp_path) as board:
        await board.reset.press()
        await board.power.on()
        assert (await board.power.machine.ask("query-status"))["running"] is False
        await board.reset.release()
        await board.see(PROMPT)
        await board.reset.release()
        await board.type(b"echo still the same\r")
        await board.see(b"\r\nstill the same\r\n")


@real
async def test_the_screen_is_seen(tmp_path: Path) -> None:
    async with emulated(tmp_path) as board:
        await board.power.on()
        async for picture in board.screen.stream():
            assert picture.media_type == "image/png"
            break


@real
async def test_what_a_screen_is_for_is_told_where_there_is_none(tmp_path: Path) -> None:
    tables = {**TABLES, "power": {"driver": "qemu"}}
    async with emulated(tmp_path, tables) as board:
        await board.power.on()
        with pytest.raises(BoardError, match="screendump: "):
            await board.screen.snapshot()


@real
async def test_another_keeper_of_consoles_is_handed_the_same_line(tmp_path: Path) -> None:
    async with emulated(tmp_path) as board:
        await board.power.on()
        await board.see(b"U-Boot ")
        kept = board.line.desk.kept
        os.kill(keeper_of(tmp_path), signal.SIGKILL)
        await until(lambda: board.line.desk.held and board.line.desk.kept is not kept)
        await board.see(b"\r\n=> ")


@real
async def test_no_machine_outlives_an_agent_that_was_killed(tmp_path: Path) -> None:
    words = (json.dumps(TABLES), str(tmp_path), name_in(tmp_path))
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", AGENT, *words), stdout=asyncio.subprocess.PIPE
    )
    assert agent.stdout is not None
    try:
        assert await agent.stdout.readline() == b"on\n"
        [machine] = [pid for pid in machines(tmp_path) if pid != agent.pid]
        handle = os.pidfd_open(machine)
    finally:
        agent.kill()
        await agent.communicate()
    try:
        gone, _, _ = await asyncio.to_thread(select.select, (handle,), (), (), 5.0)
        assert gone
    finally:
        os.close(handle)


async def test_what_does_not_run_is_told_in_its_own_words(tmp_path: Path) -> None:
    power = opened(DRIVER, tmp_path, **stand_in(tmp_path, "echo 'no such machine' >&2; exit 1"))
    assert isinstance(power, QemuPower)
    with pytest.raises(BoardError, match=r"^QEMU does not run: no such machine$"):
        await power.on()
    assert (await power.state()).on is False


async def test_one_called_off_while_it_starts_is_ended(tmp_path: Path) -> None:
    power = opened(DRIVER, tmp_path, **stand_in(tmp_path, "echo > begun; exec sleep 60"))
    assert isinstance(power, QemuPower)
    starting = asyncio.create_task(power.on())
    await until(lambda: power.machine.on and (tmp_path / "begun").exists())
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    assert (await power.state()).on is False


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "console", "machine": "virt-9"}, "said by the tool of the kind power"),
        ({"size": 5}, "said by the tool of the kind storage"),
        ({"kind": "usb"}, "a machine has none"),
        ({"machine": "virt -drive"}, "must be a name as QEMU knows it"),
        ({"firmware": "/nowhere/u-boot.bin"}, "there is no file /nowhere/u-boot.bin"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, content: dict[str, object], words: str) -> None:
    if content.get("kind", "power") == "power":
        content = {**stand_in(tmp_path, "exit 1"), **content}
    with pytest.raises((ConfigError, SettingError), match=words):
        opened(DRIVER, tmp_path, **content)


async def test_parts_without_a_machine_say_so(tmp_path: Path) -> None:
    alone = replace(bench(tmp_path), uuid=str(uuid4()))
    reset = DRIVER.open(QemuSettings(kind=Kind.BUTTON), alone)
    with pytest.raises(BoardError, match="declare one of the kind power"):
        await reset.start()


def stand_in(folder: Path, text: str) -> dict[str, object]:
    """Return the table of a machine whose emulator is a script."""
    firmware = folder / "firmware"
    firmware.touch()
    return {"program": program(folder, "emulator", text), "firmware": str(firmware)}


def keeper_of(folder: Path) -> int:
    """Return the process that keeps a board's consoles."""
    lines = {pid: read_command_line(pid) for pid in list_processes()}
    place = os.fsencode(folder / "console")
    [found] = [pid for pid, line in lines.items() if line.strip().endswith(place)]
    return found


def machines(folder: Path) -> list[int]:
    """Return the emulators of the board in a folder."""
    lines = {pid: read_command_line(pid) for pid in list_processes()}
    name = f" guest={name_in(folder)} ".encode()
    return [pid for pid, line in lines.items() if name in line]


def name_in(folder: Path) -> str:
    """Return the name of the board of a test's folder."""
    return f"emulated-{folder.parent.name}-{folder.name}"
