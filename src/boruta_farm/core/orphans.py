"""Waiting requests that lost their last registered worker, and those that found one again."""

from collections.abc import Iterator, Mapping
from itertools import islice

from boruta_farm.core.classes import Demand, DemandKey
from boruta_farm.core.market import Market
from boruta_farm.core.queue import Entry, Queue, id_of


class _Walk:
    """Go through the requests of a demand in batches while they come and go.

    Ids above ``bound`` were filed when no worker could serve them: they never had one.
    ``moved`` are those that changed place and may have slipped behind the cursor.
    """

    def __init__(self, queue: Queue, demand: Demand, bound: int) -> None:
        self.bound = bound
        self._queue = queue
        self.moved: dict[int, None] = {}
        self._demand = demand
        self._places = [demand.front.keys, demand.held, demand.later]
        self._cursor = -1

    def next(self, limit: int) -> tuple[list[int], bool]:
        """Return up to ``limit`` ids, and whether that was all."""
        while self._places:
            keys = self._places[-1].after(self._cursor, limit)
            if keys:
                self._cursor = keys[-1]
                return [i for i in map(id_of, keys) if self._concerned(i)], False
            self._places.pop()
            self._cursor = -1
        moved = tuple(islice(self.moved, limit))
        for request_id in moved:
            del self.moved[request_id]
        return [i for i in moved if self._concerned(i)], not self.moved

    def _concerned(self, request_id: int) -> bool:
        if request_id > self.bound or request_id in self._demand.orphaned:
            return False
        return self._queue.get(request_id) is not None


class Orphans:
    """Hand out, in bounded batches, the ids to be marked as orphaned or as adopted again.

    An id is handed out once; whoever takes it sees to it that the mark is written.
    """

    def __init__(self, market: Market, queue: Queue) -> None:
        self._market = market
        self._queue = queue
        self._walks: dict[Demand, _Walk] = {}
        self._adoptable: dict[Demand, None] = {}

    def note_market(self) -> None:
        """Take over which demands lost their last offer or found one."""
        lost, gained = self._market.lost, self._market.gained
        for demand in lost:
            self._adoptable.pop(demand, None)
            if demand.waiting:
                self._walks[demand] = _Walk(self._queue, demand, self._queue.highest_id)
        for demand in gained:
            self._walks.pop(demand, None)
            if demand.orphaned:
                self._adoptable[demand] = None
        lost.clear()
        gained.clear()

    def note_request(self, entry: Entry, request_id: int, marked: bool) -> None:
        """Take in whether a waiting request is marked as orphaned."""
        demand = entry.demand
        if marked:
            demand.orphaned.add(request_id)
            if demand.eligible:
                self._adoptable[demand] = None
        else:
            demand.orphaned.discard(request_id)
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
                self._walks[demand] = _Walk(self._queue, demand, bound)

    def orphaned(self, limit: int) -> tuple[int, ...]:
        """Return ids of waiting requests to be marked, none when all have been handed out."""
        for demand in tuple(self._walks):
            done = False
            while not done:
                ids, done = self._walks[demand].next(limit)
                if done:
                    del self._walks[demand]
                if ids:
                    return tuple(ids)
        return ()

    def adopted(self, limit: int) -> tuple[int, ...]:
        """Return ids of marked requests that a registered worker can serve again."""
        for demand in tuple(self._adoptable):
            ids = list(_popped(demand.orphaned, limit))
            if not demand.orphaned:
                del self._adoptable[demand]
            if ids:
                return tuple(sorted(ids))
        return ()


def _popped(ids: set[int], limit: int) -> Iterator[int]:
    while ids and limit > 0:
        limit -= 1
        yield ids.pop()
