"""The one rule of calendar arithmetic: the default deadline."""

from calendar import monthrange
from datetime import datetime

SHORTEST_MONTH = 28
"""Days that every month has; only beyond them need the calendar be asked."""


def one_month_after(moment: datetime) -> datetime:
    """Return the same day and time one calendar month later.

    A day that the next month lacks overflows into the month after it, as the original's
    calendar does: 31 January becomes 3 March (2 March in leap years).
    """
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
    if moment.day <= SHORTEST_MONTH:
        return moment.replace(year=year, month=month)
    days = monthrange(year, month)[1]
    if moment.day <= days:
        return moment.replace(year=year, month=month)
    return moment.replace(year=year, month=month + 1, day=moment.day - days)
