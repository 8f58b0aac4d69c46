"""Who gets which worker, once it is known which requests a pass serves.

Each request in its order gets the least capable worker that leaves all the others of the pass
served. Needed only where a pass had to move requests; elsewhere taking the least capable worker
at once comes to the same.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import closing

from boruta_farm.matching.classes import Demand, Match, Offer


def settle(matches: Iterable[Match], used: Mapping[Offer, Mapping[Demand, int]]) -> list[Match]:
    """Return the matches with their final workers; ``used`` is any assignment of all of them."""
    settlement = _Settlement(used)
    return [settlement.settle(match) for match in matches]


class _Settlement:
    def __init__(self, used: Mapping[Offer, Mapping[Demand, int]]) -> None:
        self._users = {offer: dict(users) for offer, users in used.items()}
        self._offers: dict[Demand, dict[Offer, int]] = {}
        for offer, users in used.items():
            # What the search for an assignment took is given back; heads fall again.
            offer.front.taken = 0
            offer.announce()
            for demand, count in users.items():
                self._offers.setdefault(demand, {})[offer] = count

    def settle(self, match: Match) -> Match:
        """Fix the worker of the next request."""
        demand = match.demand
        with closing(demand.idle.in_order()) as offers:
            offer = next(offer for offer in offers if self._secure(demand, offer))
        worker = offer.front.head
        assert worker is not None, "an owner that heads return has a head"
        offer.front.taken += 1
        return match._replace(offer=offer, worker=worker)

    def _spare(self, offer: Offer) -> int:
        """Return how many idle workers the remaining requests leave over."""
        users = self._users.get(offer)
        free = len(offer.front) - offer.front.taken
        return free - sum(users.values()) if users else free

    def _use(self, offer: Offer, demand: Demand, step: int) -> None:
        users = self._users.setdefault(offer, {})
        offers = self._offers[demand]
        count = users.get(demand, 0) + step
        if count:
            users[demand] = offers[offer] = count
        else:
            del users[demand], offers[offer]

    def _secure(self, demand: Demand, offer: Offer) -> bool:
        """Take one of the demand's places away if a worker of ``offer`` can replace it."""
        places = self._offers[demand]
        if offer in places:
            self._use(offer, demand, -1)
            return True
        released = next(iter(places))
        if self._spare(offer) <= 0:
            end = self._make_room(demand, offer)
            if end is None:
                return False
            if end in places:
                released = end
        self._use(released, demand, -1)
        return True

    def _make_room(self, demand: Demand, wanted: Offer) -> Offer | None:
        """Move one other request off ``wanted``; return the offer where the moving ends."""
        came_to: dict[Offer, Demand] = {}
        came_from: dict[Demand, Offer] = {}
        places = self._offers[demand]
        searched = deque([wanted])
        while searched:
            left = searched.popleft()
            for user in self._users.get(left, ()):
                if user in came_from:
                    continue
                came_from[user] = left
                with closing(user.idle.in_order()) as offers:
                    for offer in offers:
                        if offer is wanted or offer in came_to:
                            continue
                        came_to[offer] = user
                        if offer in places or self._spare(offer) > 0:
                            self._shift(wanted, offer, came_to, came_from)
                            return offer
                        searched.append(offer)
        return None

    def _shift(
        self,
        wanted: Offer,
        end: Offer,
        came_to: Mapping[Offer, Demand],
        came_from: Mapping[Demand, Offer],
    ) -> None:
        while end is not wanted:
            user = came_to[end]
            left = came_from[user]
            self._use(end, user, 1)
            self._use(left, user, -1)
            end = left
