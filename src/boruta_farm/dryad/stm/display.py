"""How text gets onto the display without reaching beyond it.

The chip copies the words of a text into a buffer of 17 bytes and reads its font without checking
either, so both limits are kept here. The display has 128x32 pixels, a character 8x16.
"""

import re
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.stm.values import checked

WIDTH: Final = 128
HEIGHT: Final = 32
LAST_ROW: Final = 2
_CHARACTER: Final = 8
# A command has ten words, four of which are its name, place and ink. Runs of blanks do not
# survive the chip either, so a text is cut at them too.
_PIECE: Final = re.compile(r"[^ ]+(?: [^ ]+){0,5}")
_BLANKS: Final = re.compile(r"[\t\n\v\f\r]")
_UNPRINTABLE: Final = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Hold as much text as one command can print, and where it begins."""

    x: int
    text: str


def lay_out(x: int, y: int, text: str) -> tuple[Piece, ...]:
    """Cut a text into pieces, at most 16 characters in all and none outside of the display.

    Line ends and tabulators become blanks, other characters that the font lacks question marks.
    Raises ``ArgumentError`` for a place outside of the display.
    """
    checked(x, "the text's x", 0, WIDTH)
    checked(y, "the text's y (in rows of 8 pixels)", 0, LAST_ROW)
    visible = printable(text)[: (WIDTH - x) // _CHARACTER]
    return tuple(
        Piece(x=x + _CHARACTER * found.start(), text=found.group())
        for found in _PIECE.finditer(visible)
    )


def check_inside(*points: tuple[int, int]) -> None:
    """Raise ``ArgumentError`` for a pixel outside of the display."""
    for x, y in points:
        checked(x, "x", 0, WIDTH - 1)
        checked(y, "y", 0, HEIGHT - 1)


def printable(text: str) -> str:
    """Return the text in characters that the font has, ASCII 32 to 126, one for one."""
    return _UNPRINTABLE.sub("?", _BLANKS.sub(" ", text))
