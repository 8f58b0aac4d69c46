"""What the controller's commands take and give, and the ranges it does not check itself."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from boruta_farm.dryad.stm.errors import ArgumentError

LONGEST_TICK: Final = timedelta(minutes=2)
"""The chip would take 49 days, and answer nobody in that time; a clean-up that comes behind a
user's last tick has 5 minutes for everything."""

_DEFAULT_TICK: Final = 1000
_MILLISECOND: Final = timedelta(milliseconds=1)


class Card(StrEnum):
    """Tell who has the microSD card: the device under test or the test server (the NanoPi)."""

    DUT = "dut"
    TS = "ts"
    INVALID = "invalid"


class DyPer(StrEnum):
    """Name a dynamic peripheral: a relay for whatever the lab wires to it."""

    ONE = "dyper 1"
    TWO = "dyper 2"


class Led(StrEnum):
    """Name a light: the first is at the bottom left, the second at the right of the display."""

    ONE = "1"
    TWO = "2"


class Ink(StrEnum):
    """Tell what drawing does to a pixel; ``CLEAN`` overwrites the whole cell of a character."""

    ON = "on"
    OFF = "off"
    INVERT = "inv"
    CLEAN = "clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """Tell what the controller says of the relay and the card; of nothing else it can tell."""

    power: bool
    card: Card


@dataclass(frozen=True, slots=True, kw_only=True)
class Color:
    """Mix a light from three parts, 0 to 255 each. The chip cuts larger numbers silently."""

    red: int
    green: int
    blue: int

    def __post_init__(self) -> None:
        for name in ("red", "green", "blue"):
            checked(getattr(self, name), name, 0, 255)

    def __str__(self) -> str:
        return f"{self.red},{self.green},{self.blue}"


def checked(number: int, name: str, low: int, high: int) -> int:
    """Return ``number`` when it is in the range, ends included; raise ``ArgumentError``."""
    if not low <= number <= high:
        raise ArgumentError(f"{name} must be from {low} to {high}, not {number}")
    return number


def tick_milliseconds(duration: timedelta) -> int:
    """Return how long the power stays off; below 1 ms it is the chip's default of one second.

    Raises ``ArgumentError`` for negative times, which the chip takes for weeks, and above
    ``LONGEST_TICK``.
    """
    if not timedelta() <= duration <= LONGEST_TICK:
        raise ArgumentError(
            f"power can be cut for 0 to {LONGEST_TICK.total_seconds():g} s, "
            f"not {duration.total_seconds():g} s"
        )
    return duration // _MILLISECOND or _DEFAULT_TICK


def switch(on: bool) -> str:
    """Return the chip's word for a position."""
    return "on" if on else "off"


DARK: Final = Color(red=0, green=0, blue=0)
