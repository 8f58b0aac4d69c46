"""Moments as one reader reads them: in his zone, and as wide as he has room."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from boruta_farm.words.durations import rough

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Write moments for one reader.

    ``zone`` is named after each moment; None means that of the reader's own machine, which needs
    no name. With ``distance`` it is also told how far away a moment is, where there is room for
    that; who keeps or compares a text leaves it out.
    """

    now: datetime
    zone: tzinfo | None = UTC
    distance: bool = False

    def moment(self, when: datetime) -> str:
        """Write a moment, as short as it is clear: today without the date."""
        return f"{self._clock(when)}{self._zone(when)}{self._away(when)}"

    def second(self, when: datetime, *, dated: bool = False) -> str:
        """Write a moment to the second, for lists of what happened.

        With ``dated`` also today's date, for lines that are kept.
        """
        second = f"{self._clock(when, dated=dated)}:{when.second:02}"
        return f"{second}{self._zone(when)}"

    def range(self, earliest: datetime, latest: datetime) -> str:
        """Write between which moments something is, to the minute."""
        if earliest <= self.now and latest - self.now < MINUTE:
            return "within a minute"
        first, last = self._clock(earliest), self._clock(latest)
        if first == last:
            return f"at {self.moment(latest)}"
        start = "now" if earliest <= self.now else first
        away = ""
        if self.distance:
            soonest = "" if earliest <= self.now else f"{rough(earliest - self.now)} to "
            away = f" ({'in' if soonest else 'within'} {soonest}{rough(latest - self.now)})"
        return f"between {start} and {last}{self._zone(latest)}{away}"

    def _clock(self, when: datetime, *, dated: bool = False) -> str:
        here = self._here(when)
        # By hand: strftime takes as long as all the rest, and every new request has such a text.
        time = f"{here.hour:02}:{here.minute:02}"
        today = here.date() == self._here(self.now).date()
        return time if today and not dated else f"{here.date()} {time}"

    def _here(self, when: datetime) -> datetime:
        """Return a moment in the reader's zone, in UTC where his calendar does not reach it."""
        try:
            return when.astimezone(self.zone)
        except (OverflowError, ValueError):
            return when.astimezone(UTC)

    def _zone(self, when: datetime) -> str:
        return "" if self.zone is None else f" {self._here(when).tzname()}"

    def _away(self, when: datetime) -> str:
        if not self.distance:
            return ""
        if when >= self.now:
            return f", in {rough(when - self.now)}"
        return f", {rough(self.now - when)} ago"
