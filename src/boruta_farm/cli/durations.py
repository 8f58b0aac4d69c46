"""Moments as people write them; ``words`` writes them for reading."""

from datetime import UTC, datetime

from boruta_farm.settings.durations import is_duration, parse_duration


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
