"""How often somebody may call: buckets that fill again, and penalties that grow."""

import math
from collections import OrderedDict
from dataclasses import dataclass

from boruta_farm.clock import Clock
from boruta_farm.model.errors import TooManyCallsError

REMEMBERED = 10_000
"""Sources and accounts remembered at once; the ones seen longest ago are forgotten."""
BURST_SECONDS = 5.0
"""A bucket holds the calls of so many seconds."""
FREE_FAILURES = 5
FORGIVEN_AFTER = 300.0
LONGEST_PENALTY = 60.0


@dataclass(slots=True)
class _Bucket:
    """Hold how many calls are left, as of a time."""

    left: float
    at: float


class Rate:
    """Allow ``per_second`` calls per name in the long run, and a burst at once; 0 allows all."""

    def __init__(self, clock: Clock, per_second: float, what: str) -> None:
        self._clock = clock
        self._per_second = per_second
        self._full = per_second * BURST_SECONDS
        self._what = what
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str) -> None:
        """Take one call. Raises TooManyCallsError when none is left."""
        if not self._per_second:
            return
        now = self._clock.monotonic()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= REMEMBERED:
                self._buckets.popitem(last=False)
            bucket = self._buckets[name] = _Bucket(self._full, now)
        else:
            self._buckets.move_to_end(name)
            bucket.left = min(self._full, bucket.left + (now - bucket.at) * self._per_second)
            bucket.at = now
        if bucket.left < 1:
            wait = (1 - bucket.left) / self._per_second
            raise TooManyCallsError(
                f"more than {self._per_second:g} calls a second from {self._what}; wait as long "
                "as Retry-After says",
                retry_after=math.ceil(wait),
            )
        bucket.left -= 1


@dataclass(slots=True)
class _Failures:
    """Hold how often somebody failed, when last, and until when he has to wait."""

    count: int
    last: float
    until: float


class Penalties:
    """Make those wait who keep failing: nothing for 5 failures, then 1 s, 2 s, 4 s .. 60 s."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def check(self, source: str) -> None:
        """Raise TooManyCallsError while the source has to wait."""
        known = self._failures.get(source)
        if known is None:
            return
        left = known.until - self._clock.monotonic()
        if left > 0:
            raise TooManyCallsError(
                f"{known.count} failed attempts to sign in; wait as long as Retry-After says",
                retry_after=math.ceil(left),
            )

    def failed(self, source: str) -> None:
        """Count a failure."""
        now = self._clock.monotonic()
        known = self._failures.pop(source, None)
        if known is None or now - known.last > FORGIVEN_AFTER:
            known = _Failures(0, now, 0.0)
        if len(self._failures) >= REMEMBERED:
            self._failures.popitem(last=False)
        known.count += 1
        known.last = now
        beyond = known.count - FREE_FAILURES
        if beyond > 0:
            known.until = now + min(LONGEST_PENALTY, 2.0 ** min(beyond - 1, 10))
        self._failures[source] = known
