"""The state behind a MuxPi controller's commands, and the damage they can do to it."""

import re
from dataclasses import dataclass, field
from typing import Final

COLUMNS: Final = 16
"""Characters in a row of the display; the chip's buffer takes no more."""

LAST_TEXT_ROW: Final = 2
WIDTH: Final = 128
HEIGHT: Final = 32

_NUMBER: Final = re.compile(
    r"(?P<sign>-?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0(?P<oct>[0-7]*)|(?P<dec>[1-9]\d*))"
)
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}


@dataclass(slots=True, kw_only=True)
class Chip:
    """Hold what the commands set and read.

    ``consumption`` is what the sensor sees in mA while the relay is on. ``damage`` lists what a
    real chip would have done to its own memory, or to the board, for want of a check.
    """

    relay: bool = False
    card: str = "ts"
    hdmi: bool = False
    dypers: list[bool] = field(default_factory=lambda: [False, False])
    leds: list[tuple[int, int, int]] = field(default_factory=lambda: [(0, 0, 0), (0, 0, 0)])
    keys: list[bool] = field(default_factory=lambda: [False, False])
    display: list[str] = field(default_factory=list)
    consumption: int = 420
    idle_offset: int = 20
    lthor: dict[str, bool] = field(default_factory=lambda: {"switch": False, "id": False})
    lthor_vbus: bool = False
    uart_millivolts: int = 3300
    adc: list[int] = field(default_factory=lambda: [120, 2000, 2048, 1700, 1489])
    damage: list[str] = field(default_factory=list)

    @property
    def current(self) -> int:
        """Return what the command ``current`` tells."""
        return max(0, self.consumption - self.idle_offset) if self.relay else 0

    def print_text(self, x: int, y: int, ink: str, text: str) -> None:
        """Keep a text that was printed, and note what it overwrites in the chip."""
        if len(text) > COLUMNS:
            self.damage.append(f"{len(text)} characters in a buffer for {COLUMNS}")
        if y > LAST_TEXT_ROW:
            self.damage.append(f"text in row {y}, below the display")
        if any(not " " <= character <= "~" for character in text):
            self.damage.append("a character that the font lacks")
        self.display.append(f"{x} {y} {ink} {text}")

    def draw(self, what: str, *points: tuple[int, int]) -> None:
        """Keep a figure that was drawn, and note when it leaves the display's memory."""
        if any(not (0 <= x < WIDTH and 0 <= y < HEIGHT) for x, y in points):
            self.damage.append(f"{what} outside of the display")
        self.display.append(what)


def parse_number(word: str) -> int | None:
    """Read a number as the firmware does: C's prefixes, so ``010`` is 8; None for other words."""
    found = _NUMBER.fullmatch(word)
    if found is None:
        return None
    kind = found.lastgroup or "dec"
    digits = found.group(kind) or "0"
    return int(digits, _BASES[kind]) * (-1 if found.group("sign") else 1)


def is_keyword(word: str, keyword: str) -> bool:
    """Compare as the firmware does: any case, only the beginning, so ``onion`` is ``on``."""
    return word.lower().startswith(keyword)
