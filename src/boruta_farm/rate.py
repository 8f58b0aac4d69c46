"""How often somebody may do something: buckets that fill again."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from boruta_farm.clock import Clock
from boruta_farm.model.errors import TooManyCallsError

REMEMBERED = 10_000
"""Names remembered at once; the ones seen longest ago are forgotten."""
BURST_SECONDS = 5.0


@dataclass(slots=True)
class _Bucket:
    """Hold how many calls are left, as of a time."""

    left: float
    at: float


class Rate:
    """Allow ``per_second`` calls per name in the long run, and a burst at once; 0 allows all.

    ``burst`` is what may come at once, the calls of five seconds unless given; ``unit`` is what is
    counted. Where a farm has several ``servers``, each allows its part, so that together they
    allow no more than one does.
    """

    def __init__(
        self,
        clock: Clock,
        per_second: float,
        what: str,
        burst: float | None = None,
        unit: str = "calls",
        servers: Callable[[], int] = lambda: 1,
    ) -> None:
        self._clock = clock
        self._servers = servers
        self._per_second = per_second
        self._full = per_second * BURST_SECONDS if burst is None else burst
        self._what = what
        self._unit = unit
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str, count: float = 1) -> float:
        """Take one call, or ``count`` of what is counted, at most half of what may come at once.

        Return how much is left. Raises TooManyCallsError when there is not as much left.
        """
        if not self._per_second:
            return math.inf
        servers = self._servers()
        full, per_second = max(1.0, self._full / servers), self._per_second / servers
        count = min(count, max(1.0, full / 2))
        now = self._clock.monotonic()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= REMEMBERED:
                self._buckets.popitem(last=False)
            bucket = self._buckets[name] = _Bucket(full, now)
        else:
            self._buckets.move_to_end(name)
            bucket.left = min(full, bucket.left + (now - bucket.at) * per_second)
            bucket.at = now
        if bucket.left < count:
            wait = (count - bucket.left) / per_second
            raise TooManyCallsError(
                f"more than {self._per_second:g} {self._unit} a second from {self._what}; wait as "
                "long as Retry-After says",
                retry_after=math.ceil(wait),
            )
        bucket.left -= count
        return bucket.left
