"""A queue taken into the matching index by the hundred thousand, when the index is built."""

from boruta_farm.matching.classes import Demand
from boruta_farm.matching.market import Market
from boruta_farm.matching.orphans import Orphans
from boruta_farm.matching.queue import Queue
from boruta_farm.model.waiting import Asked, Waiting

DEMANDS_KEPT = 16_384
"""Demands remembered by what was asked for; where nobody asks alike, remembering is of no use."""


class Loading:
    """Take in requests that the index has not met, and that hold nothing.

    What they ask for leads to the demand at once where others asked the same before. To be dropped
    before any change is folded.
    """

    def __init__(self, market: Market, queue: Queue, orphans: Orphans) -> None:
        self._market = market
        self._queue = queue
        self._orphans = orphans
        self._demands: dict[Asked, Demand] = {}

    def put(self, waiting: Waiting) -> None:
        """Take in a waiting request."""
        demand = self._demands.get(waiting.asked)
        if demand is None:
            if len(self._demands) >= DEMANDS_KEPT:
                self._demands.clear()
            demand = self._demands[waiting.asked] = self._market.demand(waiting.asked)
            self._market.filled(demand)
        entry = self._queue.load(waiting, demand)
        if waiting.orphaned_since is not None:
            self._orphans.note_request(entry, waiting.id, True)
