"""Times in JSON: RFC 3339 in UTC."""

from datetime import UTC, datetime

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time stands for "not set"."""


def format_time(time: datetime) -> str:
    """Print a time in UTC with as many fraction digits as it needs."""
    text = time.astimezone(UTC).isoformat()[:-6]
    return f"{text.rstrip('0') if time.microsecond else text}Z"
