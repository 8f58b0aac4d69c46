"""``exec``: any command of the lab's for any verb of a kind."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.drivers.exec_settings import ExecSettings
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.do import Output
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.kinds.usb import UsbDevice
from boruta_farm.dryad.tools.kinds.video import Picture
from boruta_farm.dryad.tools.pictures import LARGEST, media_type
from boruta_farm.dryad.tools.programs import Words, call, succeed
from boruta_farm.dryad.tools.switching import off_and_on, read_state
from boruta_farm.model.errors import BoardError


@dataclass(frozen=True, slots=True)
class Programs:
    """Run the commands of one tool, each with the board's and the tool's name in variables."""

    settings: ExecSettings
    bench: Bench

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables of every command."""
        names = {"BORUTA_BOARD": self.bench.uuid, "BORUTA_NAME": self.bench.board}
        return {**self.settings.environment, **names, "BORUTA_TOOL": self.bench.tool}

    async def succeed(self, words: Words | None, *more: str, kept: int = 65536) -> bytes:
        """Run a command that must succeed and return its output; one that is left out does."""
        if words is None:
            return b""
        limit = self.settings.timeout
        return (await succeed((*words, *more), limit, self.environment, kept=kept)).output


class ExecTool(Tool):
    """Keep the commands of a tool."""

    def __init__(self, programs: Programs) -> None:
        self.kind = programs.settings.kind
        self.programs = programs
        self.settings = programs.settings


class ExecPower(ExecTool):
    """Power that commands switch."""

    async def on(self) -> None:
        """Run ``on``."""
        await self.programs.succeed(self.settings.on)

    async def off(self) -> None:
        """Run ``off``."""
        await self.programs.succeed(self.settings.off)

    async def cycle(self, pause: float) -> None:
        """Run ``cycle``, else ``off`` and ``on``."""
        if self.settings.cycle is None:
            await off_and_on(self.off, self.on, pause)
        else:
            await self.programs.succeed(self.settings.cycle)

    async def state(self) -> PowerState:
        """Run ``state`` and read its first word; without it nothing is known."""
        return PowerState(on=read_state(_text(await self.programs.succeed(self.settings.state))))


class ExecButton(ExecTool):
    """A button that commands press and release."""

    async def press(self) -> None:
        """Run ``press``."""
        await self.programs.succeed(self.settings.press)

    async def release(self) -> None:
        """Run ``release``."""
        await self.programs.succeed(self.settings.release)


class ExecDo(ExecTool):
    """A command of the admin's."""

    async def perform(self, words: Sequence[str], output: Output) -> int:
        """Run ``run`` with the words after it."""
        command = (*(self.settings.run or ()), *words)
        programs, limit = self.programs, self.settings.timeout
        status = (await call(command, limit, programs.environment, take=output)).status
        return status if status >= 0 else 128 - status


class ExecVideo(ExecTool):
    """A screen that a command takes pictures of."""

    async def snapshot(self) -> Picture:
        """Run ``snapshot``, whose output is the picture."""
        data = await self.programs.succeed(self.settings.snapshot, kept=LARGEST)
        return Picture(media_type=media_type(data), data=data)

    async def stream(self) -> AsyncIterator[Picture]:
        """Take one picture after the other."""
        while True:
            yield await self.snapshot()


class ExecUsb(ExecTool):
    """USB devices that commands list and lend."""

    async def devices(self) -> tuple[UsbDevice, ...]:
        """Run ``list``: a line for each, ``BUS_ID VENDOR:PRODUCT [exported] NAME``."""
        lines = _text(await self.programs.succeed(self.settings.list)).splitlines()
        return tuple(_device(line) for line in lines if line.strip())

    async def export(self, bus_id: str) -> None:
        """Run ``export`` with the device's place behind it."""
        await self.programs.succeed(self.settings.export, bus_id)

    async def withdraw(self, bus_id: str) -> None:
        """Run ``withdraw`` with the device's place behind it."""
        await self.programs.succeed(self.settings.withdraw, bus_id)


def _device(line: str) -> UsbDevice:
    place, _, rest = line.strip().partition(" ")
    ids, _, name = rest.strip().partition(" ")
    vendor, colon, product = ids.partition(":")
    if not colon:
        raise BoardError(f"{line!r} tells no device; 'list' must print BUS_ID VENDOR:PRODUCT NAME")
    exported = name.startswith("exported")
    name = name.removeprefix("exported").strip()
    return UsbDevice(
        bus_id=place, vendor_id=vendor, product_id=product, name=name, exported=exported
    )


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


TOOLS_OF: Final[Mapping[Kind, type[ExecTool]]] = {
    Kind.POWER: ExecPower,
    Kind.BUTTON: ExecButton,
    Kind.DO: ExecDo,
    Kind.VIDEO: ExecVideo,
    Kind.USB: ExecUsb,
}


def _open(settings: ExecSettings, bench: Bench) -> Tool:
    return TOOLS_OF[settings.kind](Programs(settings, bench))


DRIVER: Final = ToolDriver(settings=ExecSettings, kinds=tuple(TOOLS_OF), open=_open)
