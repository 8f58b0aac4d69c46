"""Moments as people write them; ``words`` writes them for reading."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from boruta_farm.settings.durations import is_duration, parse_duration

_CLOCK: Final = re.compile(r"(?:(today|tomorrow) +)?([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_DAY: Final = timedelta(days=1)


class Moment(NamedTuple):
    """Carry a time that was read, and what the person who typed it must know of the reading."""

    at: datetime
    note: str | None = None


def parse_moment(text: str, now: datetime) -> Moment:
    """Read a time like ``2026-01-31T18:30``, ``18:00`` or ``tomorrow 9:00``, or a duration.

    A duration counts from now. A time is local unless it has an offset. A time of day alone is the
    next one; that it is tomorrow's is noted. A local time that comes twice, when clocks are put
    back, is the earlier one, and noted. Raises ValueError in words, also for a local time that
    clocks skip.
    """
    if is_duration(text):
        return Moment(now + parse_duration(text))
    if (clock := _CLOCK.fullmatch(text)) is None:
        return _read(text, lambda: datetime.fromisoformat(text))
    day, *parts = clock.groups()
    time = [int(part or 0) for part in parts]
    today = now.astimezone().replace(tzinfo=None, minute=0, second=0, microsecond=0)

    def on(date: datetime) -> Moment:
        return _read(text, lambda: date.replace(hour=time[0], minute=time[1], second=time[2]))

    if day == "tomorrow":
        return on(today + _DAY)
    found = on(today)
    if day == "today" or found.at > now:
        return found
    return on(today + _DAY)._replace(note=f"{text} is over today: tomorrow's is taken")


def _read(text: str, read: Callable[[], datetime]) -> Moment:
    """Return the moment of a typed time, which ``read`` returns."""
    try:
        typed = read()
        early, late = sorted(typed.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time; write 18:00, tomorrow 9:00, 2026-01-31T18:30, or a duration "
            "from now such as 2h"
        ) from None
    if early == late:
        return Moment(early)
    if early.astimezone().replace(tzinfo=None) != typed.replace(fold=0):
        # What the offsets before and after the gap make of it lies on its two sides.
        raise ValueError(
            f"{text!r} does not exist here: clocks are put forward over it; write "
            f"{_typed(early)} or {_typed(late)}"
        )
    return Moment(
        early,
        f"{text!r} comes twice here, since clocks are put back: the earlier one is taken, "
        f"{_with_offset(early)}; the later one is {_with_offset(late)}",
    )


def _typed(time: datetime) -> str:
    return time.astimezone().replace(tzinfo=None).isoformat(timespec="minutes")


def _with_offset(time: datetime) -> str:
    return time.astimezone().isoformat(timespec="minutes")
