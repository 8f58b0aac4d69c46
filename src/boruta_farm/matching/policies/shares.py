"""Recent use: board time that counts less the longer ago it was.

Every amount halves in the same time, so two parties' order changes only when one of them uses
something. A *share* is the logarithm of the use, brought to a common date: it is compared as it
stands, whatever the time.
"""

from dataclasses import dataclass
from math import log2

SHARE_STEPS = 256
"""Steps per doubling: uses within 0.3 % of each other count as equal, so age decides there."""

NEGLIGIBLE = 1e-3
"""Seconds below which use is none: what rounding leaves of a charge taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Record the board time used, in seconds as they count at ``at`` (microseconds since 1970)."""

    seconds: float = 0.0
    at: int = 0

    def seen(self, now: int, half_life: int) -> float:
        """Return the seconds as they count at a time."""
        return self.seconds * halved(now - self.at, half_life)

    def plus(self, start: int, length: int, half_life: int) -> "Use":
        """Return the use with a job added; a negative ``length`` takes one back.

        A job counts from its start on, with all its length, in microseconds.
        """
        at = max(self.at, start)
        job = length / 1_000_000 * halved(at - start, half_life)
        seconds = self.seen(at, half_life) + job
        return Use(seconds=seconds if seconds >= NEGLIGIBLE else 0.0, at=at)

    def share(self, half_life: int) -> int:
        """Return what uses are compared by, 0 for none."""
        if not self.seconds:
            return 0
        return max(1, round((log2(self.seconds) + self.at / half_life) * SHARE_STEPS))


def halved(elapsed: int, half_life: int) -> float:
    """Return what is left of one after some time."""
    return float(2.0 ** (-elapsed / half_life))
