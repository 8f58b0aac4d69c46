"""When users are told that the board's job ends soon. No input or output happens here."""

from typing import Final

LEADS: Final = (300.0, 60.0)
"""Seconds before the end at which whoever is logged in is warned."""

SAME_END: Final = 30.0
"""Seconds by which an end told again may differ: a warning given for it stays given."""


class Reminders:
    """Keep in mind which warnings of a job's end are still to be given.

    Times are seconds of the agent's clock. A job that is shorter than a lead gets no warning for
    it; an end that moves away is warned of anew.
    """

    def __init__(self) -> None:
        self._end: float | None = None
        self._since = 0.0

    def learn(self, end: float | None, since: float) -> None:
        """Note the job's end, None when there is no job; warnings due before ``since`` are past."""
        if end is not None and self._end is not None and abs(end - self._end) < SAME_END:
            self._since = max(self._since, self._since + end - self._end)
        elif end != self._end:
            self._since = since
        self._end = end

    def due(self) -> float | None:
        """Return when the next warning is to be given, None for never."""
        if self._end is None:
            return None
        moments = [self._end - lead for lead in LEADS]
        return min((moment for moment in moments if moment > self._since), default=None)

    def take(self, now: float) -> str | None:
        """Return what to tell now, None when nothing is due; several late warnings are one."""
        moment = self.due()
        if self._end is None or moment is None or moment > now:
            return None
        self._since = now
        return words(self._end - now)


def words(remaining: float) -> str:
    """Return the warning for a job that ends in so many seconds."""
    minutes = max(1, round(remaining / 60))
    span = "1 minute" if minutes == 1 else f"{minutes} minutes"
    return (
        f"This board is taken back in {span}: its job ends. Save your work; "
        "everything you leave here is removed."
    )
