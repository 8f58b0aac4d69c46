"""The relay of one machine, and the server's handle on it: users reach boards through nothing else.

It is modelled, not run: the real one copies bytes between sockets of the kernel. It keeps what the
relay promises: it outlives the server, cuts each job at the end it was told, and is told all anew.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from boruta_farm.access.entries import entry_of
from boruta_farm.access.messages import RouteEntry
from boruta_farm.access.routes import BindFailure, TunnelRoute
from boruta_farm.clock import Clock
from tests.sim.machines import Machine, Visit

FIND_AGAIN = 0.5


@dataclass(slots=True)
class Route:
    """Hold a worker's port, and when its job is cut by the relay's own clock."""

    entry: RouteEntry
    cut_at: float | None
    visits: list[Visit] = field(default_factory=list)


class SimulatedRelay:
    """Carry users' connections to boards, as wanted, until the ends that it was told.

    ``machines`` are looked up by the host of a route. ``alive`` is False between a kill and the
    start that some server gives it.
    """

    def __init__(self, machines: dict[str, Machine]) -> None:
        self.alive = True
        self.routes: dict[str, Route] = {}
        self.server: RelayHandle | None = None
        """The newest server; one that was killed is forgotten."""
        self._machines = machines
        self._neutral = Context()

    def kill(self) -> None:
        """Lose every connection and all that it knew."""
        self.alive = False
        for worker in tuple(self.routes):
            self.drop(worker)
        if self.server is not None:
            self.server.lost()

    def put(self, entry: RouteEntry) -> None:
        """Take a route; connections of another epoch are cut."""
        now = asyncio.get_running_loop().time()
        before = self.routes.get(entry.worker)
        route = Route(entry, None if entry.cut_in is None else now + entry.cut_in)
        if before is not None and (before.entry.epoch, before.entry.port) == (
            entry.epoch,
            entry.port,
        ):
            route.visits = before.visits
        elif before is not None:
            self._cut(before)
        self.routes[entry.worker] = route
        if route.cut_at is not None:
            loop = asyncio.get_running_loop()
            loop.call_at(route.cut_at, self._end, entry.worker, route, context=self._neutral)

    def drop(self, worker: str) -> None:
        """Forget a route."""
        if (route := self.routes.pop(worker, None)) is not None:
            self._cut(route)

    def visit(self, worker: str, visit: Visit) -> bool:
        """Let somebody through to a board, who logs in if it opens; tell whether it did."""
        route = self.routes.get(worker)
        if not self.alive or route is None or route.entry.epoch is None:
            return False
        now = asyncio.get_running_loop().time()
        if route.cut_at is not None and now >= route.cut_at:
            return False
        if self.server is not None:
            self.server.came(worker)
        machine = self._machines[worker]
        if not machine.opens(visit.key, now):
            return False
        machine.visits.append(visit)
        machine.leftovers.add(visit.request)
        route.visits.append(visit)
        return True

    def _end(self, worker: str, route: Route) -> None:
        if self.routes.get(worker) is route:
            self._cut(route)

    def _cut(self, route: Route) -> None:
        machine = self._machines.get(route.entry.worker)
        if machine is not None:
            machine.visits = [v for v in machine.visits if v not in route.visits]
        route.visits = []


class RelayHandle:
    """Be the server's side of its relay; the contract ``access.routes.Relay``."""

    def __init__(self, relay: SimulatedRelay, clock: Clock) -> None:
        self._relay = relay
        self._clock = clock
        self._wanted: dict[str, TunnelRoute] | None = None
        self._visits: Counter[str] = Counter()
        self._at_hand = asyncio.Event()
        self._gone = asyncio.Event()
        self._since: datetime | None = None
        self._never: asyncio.Future[BindFailure] = asyncio.get_running_loop().create_future()
        self.on_change: Callable[[], None] = lambda: None

    async def keep_at_hand(self) -> NoReturn:
        """Find the relay, or start one, whenever there is none."""
        while True:
            await asyncio.sleep(FIND_AGAIN)
            self._gone.clear()
            self._relay.alive, self._relay.server = True, self
            self._since = self._clock.now()
            self._tell_all()
            self._at_hand.set()
            self.on_change()
            await self._gone.wait()

    def lost(self) -> None:
        """Hear that the relay is gone."""
        self._at_hand.clear()
        self._since = None
        self._gone.set()
        self.on_change()

    def came(self, worker: str) -> None:
        """Hear that somebody has come to a worker's port."""
        self._visits[worker] += 1

    def replace(self, routes: Iterable[TunnelRoute]) -> None:
        """Want exactly these."""
        self._wanted = {route.worker: route for route in routes}
        self._tell_all()

    def put(self, route: TunnelRoute) -> None:
        """Want this one."""
        assert self._wanted is not None
        self._wanted[route.worker] = route
        if self._mine:
            self._relay.put(entry_of(route, self._clock.now()))

    def drop(self, worker: str) -> None:
        """Want nothing for a worker."""
        if self._wanted is not None:
            self._wanted.pop(worker, None)
        self._visits.pop(worker, None)
        if self._mine:
            self._relay.drop(worker)

    async def settle(self) -> None:
        """Wait for the relay."""
        await self._at_hand.wait()

    def failing(self, worker: str) -> bool:
        """Have every port."""
        return False

    async def failure(self) -> BindFailure:
        """Have no port fail."""
        return await self._never

    def visits(self, worker: str) -> int:
        """Return how often somebody came."""
        return self._visits[worker]

    def signed_in(self, worker: str, epoch: int, ports: tuple[int, ...]) -> None:
        """Hear who is signed in."""

    def connections(self, worker: str) -> int:
        """Return how many are there."""
        route = self._relay.routes.get(worker)
        return 0 if route is None or not self._mine else len(route.visits)

    def alive(self) -> str | None:
        """Return what is wrong."""
        return None if self._at_hand.is_set() else "no relay is at hand"

    def well_since(self) -> datetime | None:
        """Return since when the relay is there."""
        return self._since

    @property
    def _mine(self) -> bool:
        return self._relay.alive and self._relay.server is self

    def _tell_all(self) -> None:
        if self._wanted is None or not self._mine:
            return
        for worker in [each for each in self._relay.routes if each not in self._wanted]:
            self._relay.drop(worker)
        for route in self._wanted.values():
            self._relay.put(entry_of(route, self._clock.now()))
