"""Times as whole microseconds: half the memory of a datetime, and fit for packing into keys."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return microseconds since 1970, exactly: a float would lose them within a century."""
    return (moment - _EPOCH) // MICROSECOND


def moment(microseconds: int) -> datetime:
    """Return the aware UTC time of ``microseconds`` since 1970."""
    return _EPOCH + timedelta(0, 0, microseconds)
