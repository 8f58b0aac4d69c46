"""``gpio``: a line of a GPIO chip, by the programs of libgpiod (its first and second version)."""

import asyncio
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.holding import Holding
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.programs import Program, chosen, succeed
from boruta_farm.dryad.tools.switching import off_and_on
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, OneOf, Switch, Text, Whole
from boruta_farm.settings.table import SettingError

CALL_WITHIN: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioSettings:
    """Say which line it is."""

    kind: Kind = setting(OneOf(Kind), "What the tool is: power or button.")
    chip: str = setting(
        Text(r"[\w/.-]+", "must be a chip's name"), "The chip.", default="gpiochip0"
    )
    line: int = setting(Whole(0, 1023), "The line's offset on the chip, as gpioinfo shows it.")
    active_low: bool = setting(Switch(), "Whether a low line means on, or pressed.", default=False)
    sense: int | None = setting(
        Maybe(Whole(0, 1023)),
        "A line that reads whether there is power; without it power is what the line drives.",
        default=None,
    )
    gpioset: str | None = setting(
        Maybe(Program()), "The program gpioset.", default=None, usual="`gpioset`"
    )
    gpioget: str | None = setting(
        Maybe(Program()), "The program gpioget.", default=None, usual="`gpioget`"
    )

    def check(self) -> None:
        """Refuse other kinds. Raises SettingError."""
        if self.kind not in (Kind.POWER, Kind.BUTTON):
            raise SettingError("gpio makes none of these, only power, button", "kind")


class GpioLine(Tool):
    """Drive the line by a gpioset that holds it: the kernel gives a line back with its holder."""

    def __init__(self, settings: GpioSettings) -> None:
        self.kind = settings.kind
        self._settings = settings
        self._set = chosen(settings.gpioset, "gpioset")
        self._get = "" if settings.sense is None else chosen(settings.gpioget, "gpioget")
        self._holding = Holding()
        self._active: bool | None = None
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """Give the line back."""
        await self._holding.end()

    async def _drive(self, active: bool) -> None:
        async with self._turn:
            self._active = None
            own = self._settings
            words = ["--mode=signal"] if await self._is_first() else ["-c"]
            low = ["--active-low"] if own.active_low else []
            await self._holding.begin((self._set, *low, *words, own.chip, f"{own.line}={active:d}"))
            self._active = active

    async def _is_first(self) -> bool:
        """Tell whether this is libgpiod 1, whose programs are called otherwise."""
        told = (await succeed((self._set, "--version"), CALL_WITHIN)).output
        return b" v1." in told


class GpioPower(GpioLine):
    """A relay, or whatever gives power when the line is active."""

    async def on(self) -> None:
        """Make the line active."""
        await self._drive(True)

    async def off(self) -> None:
        """Make it inactive."""
        await self._drive(False)

    async def cycle(self, pause: float) -> None:
        """Make it inactive, then active."""
        await off_and_on(self.off, self.on, pause)

    async def state(self) -> PowerState:
        """Read the line that senses, else tell how the line is driven while its holder lives."""
        own = self._settings
        if own.sense is None:
            return PowerState(on=self._active if self._holding.alive else None)
        chip = [own.chip] if await self._is_first() else ["--numeric", "-c", own.chip]
        told = await succeed((self._get, *chip, str(own.sense)), CALL_WITHIN)
        return PowerState(on={b"1": True, b"0": False}.get(told.output.strip()))


class GpioButton(GpioLine):
    """A button that is pressed while the line is active."""

    async def press(self) -> None:
        """Make the line active."""
        await self._drive(True)

    async def release(self) -> None:
        """Make it inactive."""
        await self._drive(False)


def _open(settings: GpioSettings, _: Bench) -> Tool:
    return GpioPower(settings) if settings.kind is Kind.POWER else GpioButton(settings)


DRIVER: Final = ToolDriver(settings=GpioSettings, kinds=(Kind.POWER, Kind.BUTTON), open=_open)
