"""One pass of matching: several idle workers meet several requests, and none is wasted.

Requests are taken in their order. Each gets the least capable idle worker; where none is left
for it, earlier ones of the same pass are moved to other workers if that frees one (an augmenting
path over classes). A request once served stays served and one that cannot be served never can be
later in the pass, so the result serves as many as any assignment could, and never a less
important one in place of a more important one.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from heapq import heappop, heappush

from boruta_farm.matching.classes import Demand, Match, Offer
from boruta_farm.matching.settling import settle

_UNSETTLED = (0, "")

Expired = Callable[[int], bool]
"""Tell whether a request's deadline has passed; it then leaves the front."""


def serve_offer(offer: Offer, limit: int, expired: Expired) -> list[Match]:
    """Match the workers of one offer when no request has come: the common case."""
    matches: list[Match] = []
    while len(matches) < limit and (worker := offer.front.head) is not None:
        demand = offer.demands.first()
        if demand is None:
            break
        request = demand.front.head
        assert request is not None, "an owner that heads return has a head"
        if expired(request):
            continue
        demand.take(request)
        offer.front.taken += 1
        matches.append(Match(request, demand, offer, worker))
    return matches


def serve_demand(demand: Demand, limit: int, expired: Expired) -> list[Match]:
    """Match the requests of one demand when no worker has come: the other common case."""
    matches: list[Match] = []
    while len(matches) < limit and (request := demand.front.head) is not None:
        if expired(request):
            continue
        offer = demand.idle.first()
        if offer is None:
            break
        worker = offer.front.head
        assert worker is not None, "an owner that heads return has a head"
        demand.take(request)
        offer.front.taken += 1
        matches.append(Match(request, demand, offer, worker))
    return matches


class Pass:
    """Match stirred demands and stirred offers with each other and with all that stood still.

    Before a pass, no request that stood still fits a worker that stood still; so only what a
    stirred class can reach is looked at. Stirred offers must be announced before.
    """

    def __init__(
        self, demands: Iterable[Demand], offers: Iterable[Offer], expired: Expired
    ) -> None:
        self._expired = expired
        self._fresh_demands = list(demands)
        self._fresh_offers = list(offers)
        self._feeds: dict[Offer, Generator[Demand, None, None]] = {}
        self._next: list[tuple[int, int, Demand, Offer | None]] = []
        self._pushed = 0
        self._active: set[Demand] = set()
        self._closed: set[Demand] = set()
        self._used: dict[Offer, dict[Demand, int]] = {}
        self._full: set[Offer] = set()
        self._matches: list[Match] = []
        self._moved = False

    def matches(self, limit: int) -> list[Match]:
        """Return the matches in the order of requests."""
        for demand in self._fresh_demands:
            self._activate(demand)
        for offer in self._fresh_offers:
            self._feeds[offer] = offer.demands.in_order()
            self._feed(offer)
        while self._next and len(self._matches) < limit and self._hopeful():
            head, _, demand, feeder = heappop(self._next)
            if feeder is None:
                self._serve(demand, head)
                continue
            self._activate(demand)
            if feeder not in self._full:
                self._feed(feeder)
        for feed in self._feeds.values():
            feed.close()
        return settle(self._matches, self._used) if self._moved else self._matches

    def _hopeful(self) -> bool:
        """Tell whether a free worker may still be within reach; what is gone never comes back."""
        while self._fresh_offers and self._fresh_offers[-1].front.head is None:
            self._fresh_offers.pop()
        if self._fresh_offers:
            return True
        while self._fresh_demands and self._fresh_demands[-1].idle.first() is None:
            self._fresh_demands.pop()
        return bool(self._fresh_demands)

    def _push(self, demand: Demand, feeder: Offer | None) -> None:
        head = demand.front.head
        if head is not None:
            self._pushed += 1
            heappush(self._next, (head, self._pushed, demand, feeder))

    def _activate(self, demand: Demand) -> None:
        if demand not in self._active:
            self._active.add(demand)
            self._push(demand, None)

    def _feed(self, offer: Offer) -> None:
        """Line up the next demand that a stirred offer could serve."""
        demand = next(self._feeds[offer], None)
        if demand is not None:
            self._push(demand, offer)

    def _serve(self, demand: Demand, head: int) -> None:
        """Give the demand's first request a worker, or find that none can be had for it.

        Shares taken since it was lined up may have put it behind others.
        """
        request = demand.front.head
        if request is None or demand in self._closed:
            return
        if request != head:
            self._push(demand, None)
            return
        if not self._expired(request) and not self._assign(request, demand):
            return
        self._push(demand, None)

    def _assign(self, request: int, demand: Demand) -> bool:
        offer = demand.idle.first()
        worker = _UNSETTLED
        if offer is not None:
            worker = offer.front.head or _UNSETTLED
            offer.front.taken += 1
        else:
            offer = self._make_room(demand)
            if offer is None:
                return False
        self._use(offer, demand, 1)
        demand.take(request)
        self._matches.append(Match(request, demand, offer, worker))
        return True

    def _use(self, offer: Offer, demand: Demand, step: int) -> None:
        users = self._used.setdefault(offer, {})
        users[demand] = users.get(demand, 0) + step
        if not users[demand]:
            del users[demand]

    def _make_room(self, demand: Demand) -> Offer | None:
        """Move earlier requests of the pass so that a worker which fits becomes free.

        Searches from the demand over used-up offers to their users' free offers. Where it finds
        nothing, all it has seen is used up for the rest of the pass.
        """
        came_to: dict[Offer, Demand] = {}
        came_from: dict[Demand, Offer] = {}
        searched = deque([demand])
        while searched:
            seeker = searched.popleft()
            for offer in _common(self._used, seeker.eligible):
                if offer in came_to or offer in self._full:
                    continue
                came_to[offer] = seeker
                for user in self._used[offer]:
                    if user is demand or user in came_from:
                        continue
                    came_from[user] = offer
                    free = user.idle.first()
                    if free is not None:
                        free.front.taken += 1
                        return self._shift(demand, user, free, came_to, came_from)
                    searched.append(user)
        self._full.update(came_to)
        self._closed.update(came_from, (demand,))
        return None

    def _shift(
        self,
        demand: Demand,
        user: Demand,
        free: Offer,
        came_to: dict[Offer, Demand],
        came_from: dict[Demand, Offer],
    ) -> Offer:
        """Move one request each along the way found, and return the offer that it leaves."""
        self._moved = True
        while user is not demand:
            left = came_from[user]
            self._use(free, user, 1)
            self._use(left, user, -1)
            user, free = came_to[left], left
        return free


def _common(used: Mapping[Offer, object], eligible: Mapping[Offer, object]) -> list[Offer]:
    """Return what is in both, going through the smaller one."""
    if len(used) < len(eligible):
        return [offer for offer in used if offer in eligible]
    return [offer for offer in eligible if offer in used]
