"""``simulated``: a small device of the agent's imagination, to try ``dut`` without hardware."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.drivers.simulated_card import SimulatedCard
from boruta_farm.dryad.tools.drivers.simulated_console import SimulatedConsole
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.do import Output
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.simulation import SimulatedDevice, simulated_device
from boruta_farm.dryad.tools.switching import off_and_on
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import OneOf

WATTS: Final = 2.4
SWITCHING: Final = 0.2
"""Seconds, as a relay and a power supply take them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSettings:
    """Say which part of the device the tool is; all of one board are parts of one device."""

    kind: Kind = setting(
        OneOf(Kind),
        "What the tool is: power, console, storage (its card), button (its reset) or do (which "
        "says how the device is).",
        default=Kind.POWER,
    )


class SimulatedPart(Tool):
    """One tool of a device."""

    def __init__(self, kind: Kind, device: SimulatedDevice) -> None:
        self.kind = kind
        self.device = device


class SimulatedPower(SimulatedPart):
    """Its power."""

    async def on(self) -> None:
        """Give it power."""
        await asyncio.sleep(SWITCHING)
        self.device.switch(True)

    async def off(self) -> None:
        """Take it away."""
        await asyncio.sleep(SWITCHING)
        self.device.switch(False)

    async def cycle(self, pause: float) -> None:
        """Take it away for a while."""
        await off_and_on(self.off, self.on, pause)

    async def state(self) -> PowerState:
        """Tell whether it has power."""
        return PowerState(on=self.device.on, watts=WATTS if self.device.on else 0.0)


class SimulatedReset(SimulatedPart):
    """Its reset button."""

    async def press(self) -> None:
        """Hold it in reset."""
        self.device.held = True

    async def release(self) -> None:
        """Let it start."""
        if self.device.held and self.device.on:
            self.device.start()
        self.device.held = False


class SimulatedReport(SimulatedPart):
    """A command that says how it is."""

    async def perform(self, words: Sequence[str], output: Output) -> int:
        """Say it."""
        await output(f"a simulated device: {self.device}\n".encode())
        return 0


PARTS: Final[dict[Kind, type[SimulatedPart]]] = {
    Kind.POWER: SimulatedPower,
    Kind.BUTTON: SimulatedReset,
    Kind.DO: SimulatedReport,
}


def _open(settings: SimulatedSettings, bench: Bench) -> Tool:
    device = simulated_device(bench.uuid)
    if settings.kind is Kind.CONSOLE:
        return SimulatedConsole(device, bench.folder)
    if settings.kind is Kind.STORAGE:
        return SimulatedCard(device, bench)
    return PARTS[settings.kind](settings.kind, device)


DRIVER: Final = ToolDriver(
    settings=SimulatedSettings, kinds=(*PARTS, Kind.CONSOLE, Kind.STORAGE), open=_open
)
