"""A USB relay of the LCUS kind, which is switched by four bytes to its serial port."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Whole
from boruta_farm.settings.places import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbRelaySettings:
    port: Path = setting(Location(full=True), "The relay's serial port.")
    relay: int = setting(Whole(1, 8), "Which relay of the card it is.", default=1)


class UsbRelay(Tool):
    kind = Kind.BUTTON

    def __init__(self, settings: UsbRelaySettings, bench: Bench) -> None:
        self._settings = settings

    async def press(self) -> None:
        await asyncio.to_thread(self._switch, 1)

    async def release(self) -> None:
        await asyncio.to_thread(self._switch, 0)

    def _switch(self, on: int) -> None:
        relay = self._settings.relay
        self._settings.port.write_bytes(bytes((0xA0, relay, on, (0xA0 + relay + on) & 0xFF)))


DRIVER = ToolDriver(settings=UsbRelaySettings, kinds=(Kind.BUTTON,), open=UsbRelay)
