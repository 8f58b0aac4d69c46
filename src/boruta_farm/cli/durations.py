"""Moments as people write them; ``words`` writes them for reading."""

from datetime import UTC, datetime
from typing import NamedTuple

from boruta_farm.settings.durations import is_duration, parse_duration


class Moment(NamedTuple):
    """Carry a time that was read, and what the person who typed it must know of the reading."""

    at: datetime
    note: str | None = None


def parse_moment(text: str, now: datetime) -> Moment:
    """Read a time like ``2026-01-31T18:30`` (local unless it has an offset), or a duration from
    now.

    A local time that comes twice, when clocks are put back, is the earlier one, and noted. Raises
    ValueError in words, also for a local time that clocks skip.
    """
    if is_duration(text):
        return Moment(now + parse_duration(text))
    try:
        typed = datetime.fromisoformat(text)
        early, late = sorted(typed.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time; write 2026-01-31T18:30, or a duration from now such as 2h"
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
