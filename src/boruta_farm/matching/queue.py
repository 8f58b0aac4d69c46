"""Waiting requests in their order, each in the place that tells whether it can be granted."""

from datetime import datetime

from boruta_farm.core.moments import MICROSECOND, micros, moment
from boruta_farm.core.ranks import Ranks
from boruta_farm.matching.classes import Demand
from boruta_farm.matching.market import Market
from boruta_farm.matching.policies.order import ID_BITS, Order, id_of
from boruta_farm.model.request import Request
from boruta_farm.model.waiting import Waiting


class Queued:
    """Remember what matching needs of a waiting request; a million of them must fit.

    ``place`` is the set of its demand that holds ``key``. ``deadline``, ``valid_after`` and
    ``length`` are in microseconds; once reached, ``valid_after`` is 0, as a length that was not
    named is.
    """

    __slots__ = ("deadline", "demand", "key", "length", "place", "revision", "valid_after")

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.place: Ranks[int] | None = None
        self.key = self.revision = self.deadline = self.valid_after = self.length = 0


class Queue:
    """Keep every waiting request in the place that tells whether it can be granted."""

    def __init__(self, market: Market, order: Order) -> None:
        self._order = order
        self.highest_id = 0
        self.now = 0
        self._market = market
        self._entries: dict[int, Queued] = {}
        self._later: Ranks[int] = Ranks()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, request_id: int) -> Queued | None:
        """Return a waiting request."""
        return self._entries.get(request_id)

    def put(self, request: Request) -> Queued:
        """Take in a waiting request as it is now."""
        number = request.id
        entry = self._entries.get(number)
        if entry is None:
            entry = self._entries[number] = Queued(self._market.demand(request))
            self._market.filled(entry.demand)
            if number > self.highest_id:
                self.highest_id = number
        else:
            self._lift(entry)
        entry.key = self._order.key(request)
        entry.revision = request.revision
        entry.deadline = micros(request.deadline)
        entry.valid_after = micros(request.valid_after)
        self._name_length(entry, 0 if request.length is None else request.length // MICROSECOND)
        if request.job is not None and request.job.holds:
            self._lay(entry, entry.demand.hold())
        else:
            self._place(entry)
        return entry

    def load(self, waiting: Waiting, demand: Demand) -> Queued:
        """Take in a waiting request that is not known yet and asks for a demand."""
        entry = self._entries[waiting.id] = Queued(demand)
        if waiting.id > self.highest_id:
            self.highest_id = waiting.id
        entry.key = self._order.key_of(waiting)
        entry.revision = waiting.revision
        entry.deadline = waiting.deadline
        entry.valid_after = waiting.valid_after
        self._name_length(entry, waiting.length or 0)
        self._place(entry)
        return entry

    def remove(self, request_id: int) -> Queued | None:
        """Forget and return a request that no longer waits; None when it is unknown."""
        entry = self._entries.pop(request_id, None)
        if entry is None:
            return None
        self._lift(entry)
        self._name_length(entry, 0)
        if not entry.demand.waiting:
            self._market.emptied(entry.demand)
        return entry

    def hold(self, key: int) -> Queued:
        """Keep a request in front from being granted: it is proposed, or its deadline has passed.

        ``key`` may have shares added.
        """
        entry = self._entries[id_of(key)]
        entry.demand.front.remove(entry.key)
        self._lay(entry, entry.demand.hold())
        return entry

    def free(self, entry: Queued) -> None:
        """Put a request where its times say it belongs."""
        self._lift(entry)
        self._place(entry)

    def advance(self, now: datetime) -> None:
        """Let time pass: requests become valid. Time never goes backwards."""
        at = micros(now)
        if at > self.now:
            self.now = at
        while (first := self._later.lowest) is not None and first >> ID_BITS <= self.now:
            self.free(self._entries[id_of(first)])

    def next_valid(self) -> datetime | None:
        """Return when the next request becomes valid."""
        first = self._later.lowest
        return None if first is None else moment(first >> ID_BITS)

    def expired(self, key: int) -> bool:
        """Tell whether a request's deadline has passed, and keep it from being granted then."""
        entry = self._entries[id_of(key)]
        if entry.deadline > self.now:
            return False
        self.hold(key)
        return True

    def _name_length(self, entry: Queued, length: int) -> None:
        entry.demand.named += (length > 0) - (entry.length > 0)
        entry.demand.named_time += length - entry.length
        entry.length = length

    def _place(self, entry: Queued) -> None:
        if entry.deadline <= self.now:
            self._lay(entry, entry.demand.hold())
        elif entry.valid_after > self.now:
            self._lay(entry, entry.demand.put_off())
            self._later.add(entry.valid_after << ID_BITS | id_of(entry.key))
        else:
            entry.valid_after = 0
            keys = entry.place = entry.demand.front
            keys.add(entry.key)
            if keys.lowest == entry.key:
                self._market.stirred_demands[entry.demand] = None

    def _lay(self, entry: Queued, place: Ranks[int]) -> None:
        place.add(entry.key)
        entry.place = place

    def _lift(self, entry: Queued) -> None:
        if entry.place is None:
            return
        entry.place.remove(entry.key)
        if entry.place is entry.demand.later:
            self._later.remove(entry.valid_after << ID_BITS | id_of(entry.key))
        entry.place = None
