"""Penalties that grow with every failure."""

import math
from collections import OrderedDict
from dataclasses import dataclass

from boruta_farm.clock import Clock
from boruta_farm.model.errors import TooManyCallsError
from boruta_farm.rate import REMEMBERED

FREE_FAILURES = 5
FORGIVEN_AFTER = 300.0
LONGEST_PENALTY = 60.0


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

    def failed(self, source: str) -> int:
        """Count a failure, and return how many there were lately."""
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
        return known.count
