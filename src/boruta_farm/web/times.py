"""Times as texts: RFC 3339, as Go reads and prints them."""

import re
from datetime import UTC, datetime

import msgspec

ZERO = "0001-01-01T00:00:00Z"
"""Go's zero time, which its clients send for "not set"."""

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)


def parse_time(text: str | None) -> datetime | None:
    """Read a time in any offset and return it in UTC, or None when it is not set.

    Digits beyond microseconds are dropped. Raises ValueError for anything that is not RFC 3339
    or lies outside the years 1 to 9999 in UTC.
    """
    if text is None or text == ZERO:
        return None
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a time like 2026-01-31T18:30:00Z")
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is not a time of the calendar") from error
    return None if time == _ZERO_TIME else time


def format_time(time: datetime) -> str:
    """Print a time in UTC with as many fraction digits as it needs."""
    # By way of the JSON encoder, which needs a tenth of the time that isoformat takes.
    text: str = msgspec.to_builtins(time if time.tzinfo is UTC else time.astimezone(UTC))
    return f"{text[:-1].rstrip('0')}Z" if time.microsecond and text[-2] == "0" else text


def encodable(time: datetime) -> datetime | str:
    """Return what the JSON encoder prints as ``format_time`` does: mostly the time itself."""
    fraction = time.microsecond
    if time.tzinfo is UTC and (fraction % 10 or not fraction):
        return time
    return format_time(time)


def format_seconds(time: datetime) -> str:
    """Print a time in UTC, whole seconds."""
    return f"{time.astimezone(UTC).replace(microsecond=0).isoformat()[:-6]}Z"
