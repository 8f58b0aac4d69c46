"""Times as whole microseconds: half the memory of a datetime, and fit for packing into keys."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Return microseconds since 1970, exactly: a float would lose them within a century."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(microseconds: int) -> datetime:
    """Return the aware UTC time of ``microseconds`` since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)
