"""``qemu``: a machine that QEMU emulates, with a real boot loader: a device without hardware."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.drivers.qemu_card import QemuCard
from boruta_farm.dryad.tools.drivers.qemu_line import QemuLine
from boruta_farm.dryad.tools.drivers.qemu_machine import QemuMachine, qemu_machine
from boruta_farm.dryad.tools.drivers.qemu_settings import KINDS, QemuSettings
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.kinds.video import Picture
from boruta_farm.dryad.tools.pictures import media_type
from boruta_farm.dryad.tools.switching import off_and_on
from boruta_farm.model.errors import BoardError

PACE: Final = 0.2
"""Seconds between two pictures of a stream."""


class QemuPart(Tool):
    """One tool of a machine."""

    def __init__(self, machine: QemuMachine) -> None:
        self.machine = machine

    async def start(self) -> None:
        """See that there is a machine. Raises BoardError."""
        self.machine.check()


class QemuPower(QemuPart):
    """Its power: QEMU runs, or does not."""

    kind = Kind.POWER

    def __init__(self, machine: QemuMachine, settings: QemuSettings, bench: Bench) -> None:
        super().__init__(machine)
        machine.words = settings.words(bench.board)

    async def on(self) -> None:
        """Start QEMU."""
        await self.machine.start()

    async def off(self) -> None:
        """End it."""
        await self.machine.stop()

    async def cycle(self, pause: float) -> None:
        """End it, and start it after a while."""
        await off_and_on(self.off, self.on, pause)

    async def state(self) -> PowerState:
        """Tell whether it runs."""
        return PowerState(on=self.machine.on)

    async def close(self) -> None:
        """End it: an emulated device has no power but the agent's."""
        await self.machine.stop()


class QemuReset(QemuPart):
    """Its reset button."""

    kind = Kind.BUTTON

    async def press(self) -> None:
        """Hold it in reset."""
        await self.machine.hold(True)

    async def release(self) -> None:
        """Let it start from the beginning."""
        await self.machine.hold(False)


class QemuScreen(QemuPart):
    """Its screen."""

    kind = Kind.VIDEO

    def __init__(self, machine: QemuMachine, bench: Bench) -> None:
        super().__init__(machine)
        self._folder = bench.folder

    async def snapshot(self) -> Picture:
        """Have QEMU write what it shows."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / "screen.png"
        try:
            await self.machine.ask("screendump", filename=str(path), format="png")
            data = path.read_bytes()
        except OSError as error:
            raise BoardError(f"{path} cannot be read: {error.strerror}") from None
        finally:
            path.unlink(missing_ok=True)
        return Picture(media_type=media_type(data), data=data)

    async def stream(self) -> AsyncIterator[Picture]:
        """Have it write one picture after the other."""
        while True:
            yield await self.snapshot()
            await asyncio.sleep(PACE)


def _open(settings: QemuSettings, bench: Bench) -> Tool:
    machine = qemu_machine(bench.uuid)
    match settings.kind:
        case Kind.CONSOLE:
            return QemuLine(machine, bench.folder)
        case Kind.STORAGE:
            return QemuCard(machine, settings.size << 20, bench)
        case Kind.BUTTON:
            return QemuReset(machine)
        case Kind.VIDEO:
            return QemuScreen(machine, bench)
        case _:
            return QemuPower(machine, settings, bench)


DRIVER: Final = ToolDriver(settings=QemuSettings, kinds=KINDS, open=_open)
