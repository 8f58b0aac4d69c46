"""Times as whole microseconds: half the memory of a datetime, and fit for packing into keys."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // MICROSECOND


def micros(moment: datetime) -> int:
    """Return microseconds since 1970, exactly: a float would lose them within a century."""
    return (moment - _EPOCH) // MICROSECOND


def moment(microseconds: int) -> datetime:
    """Return the aware UTC time of ``microseconds`` since 1970.

    Nothing lies behind the calendar's last moment, not even the end of a queue of long jobs.
    """
    return _EPOCH + timedelta(0, 0, min(microseconds, _LAST))
