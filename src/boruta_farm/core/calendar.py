"""The one rule of calendar arithmetic: the default deadline."""

from calendar import monthrange
from datetime import UTC, datetime
from typing import Final

SHORTEST_MONTH = 28
"""Days that every month has; only beyond them need the calendar be asked."""

LAST: Final = datetime.max.replace(tzinfo=UTC)


def one_month_after(moment: datetime) -> datetime:
    """Return the same day and time one calendar month later.

    A day that the next month lacks overflows into the month after it, as the original's
    calendar does: 31 January becomes 3 March (2 March in leap years).
    Nothing lies behind the calendar's last moment.
    """
    if (moment.year, moment.month) == (LAST.year, 12):
        return LAST
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
    if moment.day <= SHORTEST_MONTH:
        return moment.replace(year=year, month=month)
    days = monthrange(year, month)[1]
    if moment.day <= days:
        return moment.replace(year=year, month=month)
    return moment.replace(year=year, month=month + 1, day=moment.day - days)
