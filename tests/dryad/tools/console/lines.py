"""Consoles on pseudo terminals, held by a real keeper, for tests."""

import asyncio
import os
import pty
import sys
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.dryad.dut.call import VARIABLE
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.drivers.serial import SerialConsole, SerialSettings
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox
from tests.dryad.tools.benches import OpenDoor, fit, state

SOON = 10.0
BOOT = "import sys; from boruta_farm.dryad.dut.main import main; sys.exit(main())"


class Device:
    """The device's end of a serial line, at a path that stays while the line goes and comes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = -1
        self.plug()

    def plug(self) -> None:
        """Be there, as a USB adapter that is plugged in: with another device's number."""
        self._end, theirs = pty.openpty()
        tty.setraw(theirs)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(theirs))
        os.close(theirs)

    def unplug(self) -> None:
        """Vanish."""
        self.path.unlink()
        os.close(self._end)
        self._end = -1

    def say(self, data: bytes) -> None:
        """Send bytes; waits while the line takes none."""
        while data:
            data = data[os.write(self._end, data) :]

    def hear(self, count: int) -> bytes:
        """Return the next bytes that are sent to the device."""
        heard = b""
        while len(heard) < count:
            heard += os.read(self._end, count - len(heard))
        return heard

    def close(self) -> None:
        """Let go of the line."""
        if self._end >= 0:
            os.close(self._end)


@dataclass(frozen=True, slots=True)
class Done:
    """What ``dut`` answered."""

    status: int
    out: bytes
    err: str


@dataclass(slots=True)
class Wired:
    """A board with one console whose device's end is the test's."""

    consoles: Consoles
    tool: ConsoleTool
    device: Device
    service: ToolService
    door: OpenDoor

    async def dut(self, *words: str, data: bytes = b"") -> "Done":
        """Run ``dut`` as a program of the session's."""
        process = await self.begin(*words)
        out, err = await asyncio.wait_for(process.communicate(data), SOON)
        return Done(process.returncode or 0, out, err.decode())

    async def begin(self, *words: str) -> asyncio.subprocess.Process:
        """Start ``dut``."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", BOOT, *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, VARIABLE: str(self.door.path)},
        )

    async def seen(self, wanted: bytes) -> None:
        """Wait until the keeper has read bytes, told by the last of them."""
        ring = self.tool.desk.kept.ring
        size = len(wanted)
        await until(lambda: ring.read(max(ring.end - size, 0), size)[1] == wanted)

    def log(self) -> bytes:
        """Return what a session can read."""
        ring = self.tool.desk.kept.ring
        return b"".join(p.data for p in ring.pieces(max(ring.floor, ring.oldest), ring.end, 65536))


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that no event tells of."""
    async with asyncio.timeout(SOON):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def serial(path: Path) -> SerialConsole:
    """Return a console on a path."""
    return SerialConsole(SerialSettings(port=str(path)))


@asynccontextmanager
async def wired(folder: Path, *beside: FittedTool, **table: object) -> AsyncIterator[Wired]:
    """Hold a console, beside other tools, with a keeper of its own, and serve a session."""
    device = Device(folder / "ttyDUT")
    tool = serial(device.path)
    toolbox = Toolbox([fit("uart", tool, **table), *beside])
    consoles = Consoles(toolbox, folder)
    door = OpenDoor(folder / "dut.sock")
    service = ToolService(toolbox, consoles)
    await consoles.start(door)
    service.start(door)
    try:
        await until(lambda: tool.desk.held and not tool.desk.kept.ring.trouble)
        service.look(state())
        yield Wired(consoles, tool, device, service, door)
    finally:
        service.look(state(phase=Phase.ENDED))
        await service.close()
        await consoles.close()
        device.close()
