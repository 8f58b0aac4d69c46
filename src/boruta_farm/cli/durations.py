"""Moments as people write and read them."""

from datetime import UTC, datetime

from boruta_farm.settings.durations import is_duration, parse_duration

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_moment(text: str, now: datetime) -> datetime:
    """Read a time like ``2026-01-31T18:30`` (local unless it has an offset), or a duration from
    now. Raises ValueError in words."""
    if is_duration(text):
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
