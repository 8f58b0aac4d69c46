"""Who is connected: so many in all and of one address, and who goes where there is no room."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from boruta_farm.clock import SystemClock
from boruta_farm.model.addresses import network_of
from boruta_farm.model.errors import TooManyCallsError
from boruta_farm.rate import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Bound how many connections are open at once: in all, and of one address.

    An IPv6 network of 64 bits counts as one address, and so do all peers of a unix socket.
    ``calls`` is how many calls a second one address may make, in the long run and 5 s of them at
    once; who makes more waits. 0 is as many as it likes.
    """

    in_total: int = 256
    per_source: int = 256
    calls: int = 0


class Callers:
    """Keep places for connections, and free them where they do nothing.

    The protocol proves nothing, so whoever has a call under way counts for more than who has none:
    where there is no room left, the oldest connection without one goes, of the newcomer's own
    address when that has as many as it may, else of the address that has most, if that has more
    than the newcomer's. Strangers who say nothing then keep no board out and use up no descriptors.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._open: Counter[str] = Counter()
        self._idle: dict[str, dict[CallerPlace, None]] = {}
        self._rate = Rate(SystemClock(), places.calls, "this address")

    def enter(self, host: str | None, cut: Callable[[], object]) -> "CallerPlace | None":
        """Give a connection a place, None where there is no room; ``cut`` ends it for others."""
        source = network_of(host or "")
        if self._open[source] >= self._places.per_source:
            if not self._cut(source):
                return None
        elif self._open.total() >= self._places.in_total and not self._made_room(source):
            return None
        self._open[source] += 1
        place = CallerPlace(self, source, cut)
        self.idle(place)
        return place

    async def turn(self, source: str) -> None:
        """Return when one more call of this source is in order."""
        while True:
            try:
                self._rate.take(source)
            except TooManyCallsError as full:
                await asyncio.sleep(full.retry_after)
            else:
                return

    def leave(self, place: "CallerPlace") -> None:
        """Count a connection out."""
        self.busy(place)
        self._open[place.source] -= 1
        if not self._open[place.source]:
            del self._open[place.source]

    def idle(self, place: "CallerPlace") -> None:
        """Note that a connection has no call under way."""
        self._idle.setdefault(place.source, {})[place] = None

    def busy(self, place: "CallerPlace") -> None:
        """Note that a connection has a call under way, or is gone."""
        idle = self._idle.get(place.source, {})
        idle.pop(place, None)
        if not idle:
            self._idle.pop(place.source, None)

    def _made_room(self, newcomer: str) -> bool:
        source = max(self._idle, key=self._open.__getitem__, default=newcomer)
        return self._open[source] > self._open[newcomer] and self._cut(source)

    def _cut(self, source: str) -> bool:
        """Cut the oldest idle connection of a source; it is counted out once it has gone."""
        oldest = next(iter(self._idle.get(source, {})), None)
        if oldest is None:
            return False
        self.busy(oldest)
        oldest.cut()
        return True


class CallerPlace:
    """Hold one connection's place until it leaves."""

    def __init__(self, callers: Callers, source: str, cut: Callable[[], object]) -> None:
        self._callers = callers
        self.source = source
        self.cut = cut
        self._gone = False

    async def turn(self) -> None:
        """Return when a call of this connection's source is in order."""
        await self._callers.turn(self.source)

    def busy(self) -> None:
        """Note that a call is under way."""
        self._callers.busy(self)

    def idle(self) -> None:
        """Note that none is."""
        if not self._gone:
            self._callers.idle(self)

    def leave(self) -> None:
        """Give the place up."""
        self._gone = True
        self._callers.leave(self)
