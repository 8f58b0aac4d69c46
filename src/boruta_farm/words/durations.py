"""Durations as people read them, and as settings and options take them."""

from datetime import timedelta
from decimal import Decimal

UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_MICROSECOND = timedelta(microseconds=1)


def duration(span: timedelta) -> str:
    """Write a duration exactly, in the form that options and settings take: ``1h30m``."""
    text, rest = ("-", -span) if span < timedelta() else ("", span)
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, UNITS[unit])
        text += f"{count}{unit}" if count else ""
    if rest or text in ("", "-"):
        text += f"{Decimal(rest // _MICROSECOND) / 1_000_000:f}s"
    return text


def rough(span: timedelta) -> str:
    """Write a duration in its two largest units, below a minute in seconds: ``1h5m``, ``3d``."""
    rest = max(timedelta(seconds=round(span.total_seconds())), timedelta())
    told: list[tuple[int, str]] = []
    for unit, size in UNITS.items():
        if unit == "s" and told:
            break
        count, rest = divmod(rest, size)
        if count or told:
            told.append((count, unit))
        if len(told) == 2:
            break
    return "".join(f"{count}{unit}" for count, unit in told if count) or "0s"


def age(span: timedelta) -> str:
    """Write how long ago something was, in its largest fitting unit alone."""
    for unit, size in UNITS.items():
        if span >= size:
            return f"{span // size}{unit}"
    return "0s"
