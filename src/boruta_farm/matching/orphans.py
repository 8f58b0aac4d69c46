"""Waiting requests that lost their last registered worker, and those that found one again."""

from collections.abc import Mapping
from itertools import islice

from boruta_farm.core.demands import DemandKey
from boruta_farm.matching.classes import Demand
from boruta_farm.matching.market import Market
from boruta_farm.matching.policies.order import id_of
from boruta_farm.matching.queue import Queue, Queued


class _Walk:
    """Go through the requests of a demand in batches while they come and go.

    Ids above ``bound`` were filed when no worker could serve them: they never had one.
    ``moved`` are those that changed place and may have slipped behind the cursor.
    """

    def __init__(self, demand: Demand, bound: int) -> None:
        self.bound = bound
        self.moved: dict[int, None] = {}
        self._demand = demand
        self._left = len(demand.places)
        self._cursor = -1

    def next(self, limit: int) -> tuple[list[int], bool]:
        """Return up to ``limit`` ids, and whether that was all."""
        while self._left:
            keys = self._demand.places[self._left - 1].after(self._cursor, limit)
            if keys:
                self._cursor = keys[-1]
                return [id_of(key) for key in keys], False
            self._left -= 1
            self._cursor = -1
        moved = list(islice(self.moved, limit))
        for request_id in moved:
            del self.moved[request_id]
        return moved, not self.moved


class Orphans:
    """Hand out, in bounded batches, the ids to be marked as orphaned or as adopted again.

    An id is handed out once; whoever takes it sees to it that the mark is written.
    """

    def __init__(self, market: Market, queue: Queue) -> None:
        self._market = market
        self._queue = queue
        self._walks: dict[Demand, _Walk] = {}
        self._marked: dict[Demand, dict[int, None]] = {}
        self._adoptable: dict[Demand, None] = {}

    @property
    def any(self) -> bool:
        """Tell whether there may be ids to hand out: mostly there are none."""
        return bool(self._walks or self._adoptable)

    def note_market(self) -> None:
        """Take over which demands lost their last offer or found one."""
        lost, gained = self._market.lost, self._market.gained
        if not (lost or gained):
            return
        for demand in lost:
            self._adoptable.pop(demand, None)
            if demand.waiting:
                self._walks[demand] = _Walk(demand, self._queue.highest_id)
        for demand in gained:
            self._walks.pop(demand, None)
            if demand in self._marked:
                self._adoptable[demand] = None
        lost.clear()
        gained.clear()

    def note_request(self, entry: Queued, request_id: int, marked: bool) -> None:
        """Take in whether a request is marked as orphaned and waits."""
        demand = entry.demand
        if marked:
            self._marked.setdefault(demand, {})[request_id] = None
            if demand.eligible:
                self._adoptable[demand] = None
            return
        if self._marked:
            self._unmark(demand, request_id)
        if self._walks:
            walk = self._walks.get(demand)
            if walk is not None:
                walk.moved[request_id] = None

    def served(self) -> dict[DemandKey, int]:
        """Return the demands that had a worker, with the highest id that may have seen it."""
        bounds = {
            demand.key: self._queue.highest_id
            for demand in self._market.demands.values()
            if demand.eligible and demand.waiting
        }
        bounds.update((demand.key, walk.bound) for demand, walk in self._walks.items())
        return bounds

    def inherit(self, served: Mapping[DemandKey, int]) -> None:
        """Take over what an index before this one knew: which demands once had a worker."""
        for key, bound in served.items():
            demand = self._market.demands.get(key)
            if demand is not None and demand.waiting and not demand.eligible:
                self._walks[demand] = _Walk(demand, bound)

    def orphaned(self, limit: int) -> tuple[int, ...]:
        """Return ids of waiting requests to be marked, none when all have been handed out."""
        for demand, walk in tuple(self._walks.items()):
            marked = self._marked.get(demand, {})
            done = False
            while not done:
                ids, done = walk.next(limit)
                if done:
                    del self._walks[demand]
                concerned = tuple(
                    request_id
                    for request_id in ids
                    if request_id <= walk.bound
                    and request_id not in marked
                    and self._queue.get(request_id) is not None
                )
                if concerned:
                    return concerned
        return ()

    def adopted(self, limit: int) -> tuple[int, ...]:
        """Return ids of marked requests that a registered worker can serve again."""
        for demand in tuple(self._adoptable):
            ids = tuple(islice(self._marked.get(demand, ()), limit))
            for request_id in ids:
                self._unmark(demand, request_id)
            if demand not in self._marked:
                del self._adoptable[demand]
            if ids:
                return ids
        return ()

    def _unmark(self, demand: Demand, request_id: int) -> None:
        marked = self._marked.get(demand)
        if marked is not None:
            marked.pop(request_id, None)
            if not marked:
                del self._marked[demand]
