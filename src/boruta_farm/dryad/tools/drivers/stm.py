"""``stm``: what a MuxPi's controller switches: the device's power, card, relays and lights."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.values import Color, DyPer, Led
from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.drivers.stm_card import StmCard
from boruta_farm.dryad.tools.drivers.stm_controller import StmController
from boruta_farm.dryad.tools.drivers.stm_settings import StmPart, StmSettings
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.do import Output
from boruta_farm.dryad.tools.kinds.power import PowerState

SHORTEST_TICK: Final = timedelta(milliseconds=1)


class StmPower(Tool):
    """The relay of the device under test.

    The controller takes the card to the supervisor where it takes the power away.
    """

    kind = Kind.POWER

    def __init__(self, controller: Interface, volts: float | None) -> None:
        self._controller = controller
        self._volts = volts

    async def on(self) -> None:
        """Give power, and leave the card where it is; a device that has power goes on."""
        if not (await self.state()).on:
            await self._controller.power_tick(SHORTEST_TICK)

    async def off(self) -> None:
        """Take power and card away."""
        await self._controller.ts()

    async def cycle(self, pause: float) -> None:
        """Take the power away for so long; the card stays."""
        await self._controller.power_tick(max(timedelta(seconds=pause), SHORTEST_TICK))

    async def state(self) -> PowerState:
        """Read the relay, and the current where a voltage is configured."""
        read = await self._controller.read_back()
        watts = None
        if self._volts is not None:
            watts = await self._controller.get_current() * self._volts / 1000
        return PowerState(on=None if read is None else read.power, watts=watts)


class StmButton(Tool):
    """A dynamic peripheral, as a button."""

    kind = Kind.BUTTON

    def __init__(self, controller: Interface, dyper: DyPer) -> None:
        self._controller = controller
        self._dyper = dyper

    async def press(self) -> None:
        """Close the relay."""
        await self._controller.set_dyper(self._dyper, True)

    async def release(self) -> None:
        """Open it."""
        await self._controller.set_dyper(self._dyper, False)


class StmLeds(Tool):
    """The two lights."""

    kind = Kind.DO

    def __init__(self, controller: Interface) -> None:
        self._controller = controller

    async def perform(self, words: Sequence[str], output: Output) -> int:
        """Set one: its number, then red, green and blue."""
        try:
            led = Led(words[0])
            red, green, blue = map(int, words[1:])
        except (IndexError, ValueError):
            raise ActError("write a light and its colour, such as: 1 0 128 0") from None
        await self._controller.set_led(led, Color(red=red, green=green, blue=blue))
        return 0


def _open(settings: StmSettings, bench: Bench) -> Tool:
    controller = Client(settings.socket or bench.stm_socket)
    match settings.part:
        case StmPart.POWER:
            return StmPower(controller, settings.volts)
        case StmPart.CARD:
            assert settings.device is not None
            return StmCard(controller, settings.device, bench)
        case StmPart.LEDS:
            return StmLeds(controller)
        case StmPart.CONTROLLER:
            return StmController(controller)
        case StmPart.DYPER1:
            return StmButton(controller, DyPer.ONE)
        case StmPart.DYPER2:
            return StmButton(controller, DyPer.TWO)


KINDS_MADE: Final = (Kind.POWER, Kind.STORAGE, Kind.BUTTON, Kind.DO)
DRIVER: Final = ToolDriver(settings=StmSettings, kinds=KINDS_MADE, open=_open)
