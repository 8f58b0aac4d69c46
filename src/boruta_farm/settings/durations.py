"""The one grammar of durations, for files, the environment and the command line."""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final

from boruta_farm.words.durations import duration

LONGEST: Final = timedelta(days=36500)
"""What is longer is a mistake, and could not be added to a date."""

NONE: Final = timedelta()
UNITS: Final[Mapping[str, Decimal | int]] = {
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1000,
    "us": 1,
    "\N{MICRO SIGN}s": 1,
    "\N{GREEK SMALL LETTER MU}s": 1,
    "ns": Decimal("0.001"),
}
"""Microseconds in each unit."""

_NEXT: Final = {"d": "h", "h": "m", "m": "s"}
"""The unit of a number that ends a duration without one: ``2h30``."""

_PART: Final = (
    rf"([0-9]+(?:\.[0-9]*)?|\.[0-9]+) *({'|'.join(sorted(UNITS, key=len, reverse=True))})"
)
_PARTS: Final = re.compile(_PART)
_WHOLE: Final = re.compile(rf" *([+-]?)((?:{_PART} *)+)([0-9]{{1,2}})? *")
_MOST_CHARACTERS: Final = 60
_LONGEST_WRITTEN: Final = 2 * _MOST_CHARACTERS


def parse_duration(
    text: str, *, least: timedelta = NONE, most: timedelta = LONGEST, such_as: str = "90s, 1h30m"
) -> timedelta:
    """Read ``90s``, ``1h 30m``, ``2h30``, ``1.5d`` or Go's ``1m0.5s``.

    Units are d, h, m, s, ms, us and ns; a last number without one is of the next smaller unit
    after d, h or m; ``0`` needs none. Raises ValueError in words for any other text (``such_as``
    are the examples in them), and for what is not within ``least`` and ``most``.
    """
    short = text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
    if re.fullmatch(r"[+-]?0", text):
        return _within(NONE, short, least, most)
    whole = _WHOLE.fullmatch(text) if len(text) <= _LONGEST_WRITTEN else None
    if whole is None:
        raise ValueError(f"{short!r} is no duration; write it with a unit, such as {such_as}")
    sign, parts, rest = whole[1], _PARTS.findall(whole[2]), whole[5]
    if rest is not None:
        unit = _NEXT.get(parts[-1][1])
        if unit is None:
            raise ValueError(f"{short!r} is no duration: {rest} at its end needs a unit")
        parts.append((rest, unit))
    micros = sum((Decimal(number) * UNITS[unit] for number, unit in parts), Decimal())
    if micros > LONGEST // timedelta(microseconds=1):
        raise ValueError(f"{short!r} is longer than a hundred years")
    found = timedelta(microseconds=int(micros.to_integral_value()))
    return _within(-found if sign == "-" else found, short, least, most)


def is_duration(text: str) -> bool:
    """Tell whether a text is written as a duration, however long."""
    return len(text) <= _LONGEST_WRITTEN and _WHOLE.fullmatch(text) is not None


def _within(found: timedelta, short: str, least: timedelta, most: timedelta) -> timedelta:
    if found < least:
        words = "is negative" if least == NONE else f"must be at least {duration(least)}"
        raise ValueError(f"{short!r} {words}")
    if found > most:
        raise ValueError(f"{short!r} must be at most {duration(most)}")
    return found
