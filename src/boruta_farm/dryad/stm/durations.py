"""Durations as Go's tools write them: ``500ms``, ``1m30s``."""

import re
from datetime import timedelta
from typing import Final

from boruta_farm.dryad.stm.errors import ArgumentError

_MICROSECONDS: Final = {
    "ns": 1e-3,
    "us": 1.0,
    "\N{MICRO SIGN}s": 1.0,
    "\N{GREEK SMALL LETTER MU}s": 1.0,
    "ms": 1e3,
    "s": 1e6,
    "m": 60e6,
    "h": 3600e6,
}
_PART: Final = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_MICROSECONDS)})")
_WHOLE: Final = re.compile(rf"([+-]?)((?:{_PART.pattern})+|0)", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read a duration; raise ``ArgumentError`` with an example when it is none."""
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        raise ArgumentError(f"{text!r} is no duration; write it like 500ms, 2s or 1m30s")
    total = sum(float(number) * _MICROSECONDS[unit] for number, unit in _PART.findall(text))
    try:
        return timedelta(microseconds=-total if whole.group(1) == "-" else total)
    except OverflowError as error:
        raise ArgumentError(f"{text!r} is too long a duration") from error
