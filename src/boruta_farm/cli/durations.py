"""Durations and moments as people write and read them."""

import re
from datetime import UTC, datetime, timedelta

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+", re.ASCII)
PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
LONGEST = timedelta(days=36500)


def parse_duration(text: str) -> timedelta:
    """Read ``90s``, ``10m``, ``1h30m`` or ``2d``. Raises ValueError in words."""
    if not DURATION.fullmatch(text):
        raise ValueError(
            f"{text!r} is no duration; write it with a unit, such as 90s, 10m or 1h30m"
        )
    seconds = sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than a hundred years")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration in the form that ``parse_duration`` reads, the largest units first."""
    seconds = duration.total_seconds()
    text = ""
    for unit in ("d", "h", "m"):
        count, seconds = divmod(seconds, UNITS[unit])
        text += f"{int(count)}{unit}" if count else ""
    return text + (f"{seconds:g}s" if seconds or not text else "")


def parse_moment(text: str, now: datetime) -> datetime:
    """Read a time like ``2026-01-31T18:30`` (local unless it has an offset), or a duration from
    now. Raises ValueError in words."""
    if DURATION.fullmatch(text):
        return now + parse_duration(text)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time; write 2026-01-31T18:30, or a duration from now such as 2h"
        ) from None


def format_moment(time: datetime, now: datetime) -> str:
    """Write a time in the local zone, as short as it is clear: today without the date."""
    local, today = time.astimezone(), now.astimezone()
    if local.date() == today.date():
        return local.strftime("%H:%M")
    return local.strftime("%Y-%m-%d %H:%M")


def format_age(since: datetime, now: datetime) -> str:
    """Write how long ago something was, in its largest fitting unit."""
    seconds = max((now - since).total_seconds(), 0)
    for unit in ("d", "h", "m"):
        if seconds >= UNITS[unit]:
            return f"{int(seconds // UNITS[unit])}{unit}"
    return f"{int(seconds)}s"
