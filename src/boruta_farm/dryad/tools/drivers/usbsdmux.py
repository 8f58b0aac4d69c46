"""``usbsdmux``: Linux Automation's USB-SD-Mux, by its own program."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import BRIEF, Kind
from boruta_farm.dryad.tools.kinds.storage import Holder
from boruta_farm.dryad.tools.media import DeviceStorage
from boruta_farm.dryad.tools.programs import Program, chosen, succeed
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe
from boruta_farm.settings.places import Location

MODES: Final = {Holder.SUPERVISOR: "host", Holder.DUT: "dut"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbSdMuxSettings:
    """Say which mux it is, and where its card appears."""

    mux: Path = setting(
        Location(full=True), "The mux: /dev/usb-sd-mux/id-..., as its udev rule names it."
    )
    device: Path = setting(
        Location(full=True), "The card's device when the supervisor has it: /dev/disk/by-path/..."
    )
    program: str | None = setting(
        Maybe(Program()), "The program usbsdmux.", default=None, usual="`usbsdmux`"
    )


class UsbSdMux(DeviceStorage):
    """A card that the mux switches, and of which it knows where it is."""

    def __init__(self, settings: UsbSdMuxSettings, bench: Bench) -> None:
        super().__init__(settings.device, bench)
        self._words = (chosen(settings.program, "usbsdmux"), str(settings.mux))

    async def switch(self, to: Holder) -> None:
        """Have the program switch the card."""
        await self._call(MODES[to])

    async def holder(self) -> Holder:
        """Ask the program."""
        told = await self._call("get")
        return next((side for side, mode in MODES.items() if mode == told), Holder.UNKNOWN)

    async def _call(self, word: str) -> str:
        return (await succeed((*self._words, word), BRIEF)).output.decode(errors="replace").strip()


def _open(settings: UsbSdMuxSettings, bench: Bench) -> Tool:
    return UsbSdMux(settings, bench)


DRIVER: Final = ToolDriver(settings=UsbSdMuxSettings, kinds=(Kind.STORAGE,), open=_open)
