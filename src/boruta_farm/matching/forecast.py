"""When a waiting request will start: a range, told before and measured afterwards.

The boards that could serve it become free between an early and a late time each; the requests
before it use them one after the other, each for as long as jobs like it have lasted. The range is
what comes out when all goes quickly and when all goes slowly. More important requests that are
yet to come are not foreseen.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

QUICK, SLOW = 0.1, 0.9
"""Of ten jobs, one is expected to be quicker than the early end, and one slower than the late."""

SCORED = 1000
"""Starts over which the share within the range is told."""

OUTSTANDING = 10_000
"""Forecasts remembered until their request starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tell how long jobs of one kind last, in seconds: quick ones, the mean, slow ones."""

    low: float
    mean: float
    high: float

    def averaged(self, jobs: float) -> "Lengths":
        """Return the length per job of several in a row: the more, the nearer to the mean."""
        spread = sqrt(max(1.0, jobs))
        return Lengths(
            low=self.mean - (self.mean - self.low) / spread,
            mean=self.mean,
            high=self.mean + (self.high - self.mean) / spread,
        )

    def mixed(self, other: "Lengths", share: float) -> "Lengths":
        """Return the length per job where a ``share`` of the jobs is of the other kind."""
        rest = 1 - share
        return Lengths(
            low=rest * self.low + share * other.low,
            mean=rest * self.mean + share * other.mean,
            high=rest * self.high + share * other.high,
        )


def lengths(seen: Iterable[float], longest: float) -> Lengths:
    """Return what past jobs tell; without any, a job may end at once or last its whole time."""
    values = sorted(seen)
    if not values:
        return Lengths(low=0.0, mean=longest / 2, high=longest)
    return Lengths(
        low=_quantile(values, QUICK),
        mean=sum(values) / len(values),
        high=_quantile(values, SLOW),
    )


def remaining(seen: Iterable[float], elapsed: float, until: float) -> tuple[float, float]:
    """Return how soon and how late a running job ends, in seconds from now.

    ``until`` is its end unless it is prolonged. Past jobs that were shorter than this one has
    lasted already tell nothing.
    """
    values = sorted(length for length in seen if length > elapsed)
    if not values:
        return 0.0, max(0.0, until)
    return _quantile(values, QUICK) - elapsed, _quantile(values, SLOW) - elapsed


def turn(free: Iterable[tuple[float, float]], length: float, before: float) -> float:
    """Return in how many seconds the request starts that has ``before`` others before it.

    ``free`` tells when boards become free, and for how many boards that stands; there is one
    at least.
    """
    boards = sorted(free)
    if before <= 0 or length <= 0:
        # Jobs that take no time: all wait for the first board alone.
        return boards[0][0]
    many = sum(weight for _, weight in boards)
    low, high = boards[0][0] - length, boards[-1][0] + length * (before / many + 1)
    started = 0.0
    while high - low > length:
        middle = (low + high) / 2
        starts = 0.0
        for when, weight in boards:
            if when > middle:
                break
            starts += weight * (1 + (middle - when) // length)
        if starts > before:
            high = middle
        else:
            low, started = middle, starts
    # Within the length of one job, each board takes one request more.
    following = sorted(
        (when + max(0, (low - when) // length + 1) * length, w) for when, w in boards
    )
    for moment, weight in following:
        started += weight
        if started > before:
            return moment
    return high


def _quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


class Score:
    """Remember what was foretold, and how often it came true."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[int, int]] = {}
        self._hits: deque[bool] = deque(maxlen=SCORED)

    def tell(self, request_id: int, earliest: int, latest: int) -> None:
        """Note the first range told of a request, in microseconds since 1970."""
        if request_id not in self._told:
            self._told[request_id] = earliest, latest
            if len(self._told) > OUTSTANDING:
                del self._told[next(iter(self._told))]

    def started(self, request_id: int, at: int) -> None:
        """Note that a request started."""
        told = self._told.pop(request_id, None)
        if told is not None:
            self._hits.append(told[0] <= at <= told[1])

    def gone(self, request_id: int) -> None:
        """Forget a request that ended without a start, or was changed since it was told."""
        self._told.pop(request_id, None)

    @property
    def hits(self) -> int:
        """Return how many of the last starts were within their range."""
        return sum(self._hits)

    @property
    def of(self) -> int:
        """Return of how many starts that is."""
        return len(self._hits)
