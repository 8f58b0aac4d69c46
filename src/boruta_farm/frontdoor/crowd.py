"""How many may stand before the door, and how often somebody may fail at it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from boruta_farm.clock import Clock
from boruta_farm.model.addresses import network_of
from boruta_farm.model.errors import TooManyCallsError
from boruta_farm.rate import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorBounds:
    """Carry the limits. ``per_second`` counts new connections, ``failures_per_minute`` those of
    which none got in; both may come in bursts."""

    connections: int = 4000
    connections_per_guest: int = 400
    strangers: int = 300
    strangers_per_source: int = 64
    per_second: float = 20.0
    burst: float = 200.0
    failures_per_minute: float = 6.0
    failures_at_once: float = 30.0
    login_patience: float = 20.0


USUAL: Final = DoorBounds()


class DoorCrowd:
    """Count connections per source (an IPv6 site is one), and those that have not signed in yet.

    Where there is no room for another stranger, the oldest goes of the source that has most: one
    address that says nothing keeps nobody else out.
    """

    def __init__(self, clock: Clock, bounds: DoorBounds = USUAL) -> None:
        self._bounds = bounds
        self._open = 0
        self._strangers: dict[object, tuple[str, Callable[[], None]]] = {}
        self._strangers_of: Counter[str] = Counter()
        self._guests: dict[object, str] = {}
        self._guests_of: Counter[str] = Counter()
        self._rate = Rate(clock, bounds.per_second, "this address", bounds.burst, "connections")
        self._failures = Rate(
            clock,
            bounds.failures_per_minute / 60,
            "this address",
            bounds.failures_at_once,
            "failed attempts to sign in",
        )
        self._clock = clock
        self._barred: dict[str, float] = {}

    def enter(self, connection: object, host: str, cut: Callable[[], None]) -> None:
        """Count a new connection in; ``cut`` ends it for the sake of others.

        Raises TooManyCallsError where it is not let in.
        """
        source, bounds = network_of(host), self._bounds
        until = self._barred.get(source)
        if until is not None:
            left = until - self._clock.monotonic()
            if left > 0:
                raise TooManyCallsError("too many failed attempts to sign in from this address")
            del self._barred[source]
        self._rate.take(source)
        if self._open >= bounds.connections:
            raise TooManyCallsError("too many connections are open at this door")
        if self._strangers_of[source] >= bounds.strangers_per_source:
            raise TooManyCallsError("too many connections from this address have yet to sign in")
        if len(self._strangers) >= bounds.strangers:
            self._make_room()
        self._open += 1
        self._strangers[connection] = (source, cut)
        self._strangers_of[source] += 1

    def known(self, connection: object, who: str) -> None:
        """Note that somebody has signed in. Raises TooManyCallsError where he is in too often."""
        self._met(connection)
        if self._guests_of[who] >= self._bounds.connections_per_guest:
            raise TooManyCallsError(
                f"you have {self._bounds.connections_per_guest} connections at this door, the "
                "most; end one"
            )
        self._guests[connection] = who
        self._guests_of[who] += 1

    def _met(self, connection: object) -> None:
        found = self._strangers.pop(connection, None)
        if found is not None:
            self._strangers_of[found[0]] -= 1
            if not self._strangers_of[found[0]]:
                del self._strangers_of[found[0]]

    def leave(self, connection: object) -> None:
        """Count a connection out."""
        self._met(connection)
        who = self._guests.pop(connection, None)
        if who is not None:
            self._guests_of[who] -= 1
            if not self._guests_of[who]:
                del self._guests_of[who]
        self._open -= 1

    def failed(self, host: str) -> None:
        """Note that somebody tried to sign in and could not."""
        source = network_of(host)
        try:
            self._failures.take(source)
        except TooManyCallsError as error:
            if len(self._barred) < 10_000:
                self._barred[source] = self._clock.monotonic() + (error.retry_after or 1)

    def _make_room(self) -> None:
        most = max(self._strangers_of, key=self._strangers_of.__getitem__)
        for connection, (source, cut) in self._strangers.items():
            if source == most:
                self._met(connection)
                cut()
                return
