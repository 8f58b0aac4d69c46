"""Demands and offers, and which fit together."""

from collections.abc import Callable
from datetime import datetime
from itertools import islice

from boruta_farm.core.demands import DemandKey, Token, demand_key
from boruta_farm.matching.classes import (
    Candidate,
    Demand,
    Hold,
    Offer,
    WorkerKey,
    tokens_of,
)
from boruta_farm.matching.parting import Parting
from boruta_farm.matching.policies.ledger import Ledger
from boruta_farm.matching.rivals import Rivals
from boruta_farm.model.policies import Policies
from boruta_farm.model.request import Request
from boruta_farm.model.waiting import Asked
from boruta_farm.model.worker import Fence, Worker, WorkerState

EMPTY_DEMANDS_KEPT = 16_384
"""Demands without a request that are kept, so that a popular one is not worked out each time."""

WORKERS_COMPARED = 1000

Away = Callable[[str], datetime | None]

SERVING = frozenset({WorkerState.IDLE, WorkerState.RUNNING, WorkerState.PREPARE})
"""States in which a worker serves requests, now or soon."""


class Market:
    """Keep every demand and offer, each pair that fits linked once.

    ``stirred_demands`` and ``stirred_offers`` have a head that may have fallen since the last
    matching pass. ``lost`` and ``gained`` are demands that lost their last offer or found one;
    whoever acts on them takes them out. ``parting`` tells workers apart for it; ``away`` tells
    since when a fenced board has no link.
    """

    def __init__(
        self, ledger: Ledger[Demand] | None = None, away: Away = lambda _uuid: None
    ) -> None:
        self.parting = Parting(self._move, self._link)
        self._away = away
        self.ledger = ledger or Ledger(Policies(), 0)
        self.demands: dict[DemandKey, Demand] = {}
        self.workers: dict[str, Candidate] = {}
        self.stirred_demands: dict[Demand, None] = {}
        self.stirred_offers: dict[Offer, None] = {}
        self.lost: dict[Demand, None] = {}
        self.gained: dict[Demand, None] = {}
        self.edition = 0
        """Rises whenever what registered boards offer has changed."""
        self.turn = 0
        """Rises with whatever becomes of a board, of who holds it, or of whom it could serve."""
        self.holds: dict[str, Hold] = {}
        self._empty: dict[Demand, None] = {}
        self._held_by: dict[int, str] = {}
        self._links = 0
        self._rivals = Rivals()

    def demand(self, request: Request | Asked) -> Demand:
        """Return the demand of a request, working it out when it is new."""
        owner = self.ledger.key(request)
        key = demand_key(request, owner)
        known = self.demands.get(key)
        if known is not None:
            return known
        party = self.ledger.party(owner, request.owner_groups)
        demand = self.demands[key] = Demand(key, party)
        for token in demand.tokens:
            self.parting.ask(token)
        # Found by new offers under its rarest token: "type=x" leads to fewer demands than "arch=y".
        demand.pivot = min(
            key.caps, key=lambda token: (self.parting.asking[token], token), default=None
        )
        self.parting.file_demand(demand)
        for offer in self.parting.offers_having(demand.caps):
            if offer.fits(demand):
                self._link(demand, offer)
        self.gained.pop(demand, None)
        self.emptied(demand)
        return demand

    def filled(self, demand: Demand) -> None:
        """Note that a demand has a request."""
        self._empty.pop(demand, None)
        if demand.party is not None:
            demand.party.members.add(demand)

    def emptied(self, demand: Demand) -> None:
        """Note that a demand has no request; the one empty for longest may be dropped."""
        self._empty[demand] = None
        if demand.party is not None:
            demand.party.members.discard(demand)
        if len(self._empty) > EMPTY_DEMANDS_KEPT:
            self._drop_demand(next(iter(self._empty)))

    def put_worker(self, worker: Worker) -> Candidate:
        """Take in a registered worker as it is now."""
        self.turn += 1
        known = self.workers.get(worker.uuid)
        if known is None:
            known = self._admit(worker)
        elif not known.offers_the_same(worker):
            self._compare(known, worker)
        elif known.offer.verified != self.parting.unasked:
            self.parting.verify(known)
        state = worker.offered
        if known.state is not state:
            known.offer.move(known.state, state)
            known.state = state
        known.name, known.revision, known.epoch = worker.name, worker.revision, worker.epoch
        known.reason, known.noted_since = worker.reason, worker.unreachable_since
        self.reach(known)
        return known

    def reach(self, candidate: Candidate) -> None:
        """Look whether a worker serves, and whether its agent can be reached."""
        before, candidate.unreachable_since = candidate.unreachable_since, candidate.noted_since
        if candidate.unreachable_since is None and candidate.fence is Fence.AGENT:
            candidate.unreachable_since = self._away(candidate.uuid)
        if candidate.unreachable_since != before:
            self.turn += 1
        absent = candidate.unreachable_since is not None or candidate.state not in SERVING
        if candidate.absent is absent:
            return
        candidate.absent = absent
        self.turn += 1
        if absent:
            candidate.offer.absent[candidate.uuid] = candidate
        else:
            del candidate.offer.absent[candidate.uuid]

    def remove_worker(self, uuid: str) -> None:
        """Forget a worker that was deregistered."""
        known = self.workers.pop(uuid, None)
        if known is not None:
            self.turn += 1
            known.offer.absent.pop(uuid, None)
            self._leave(known, known.offer, known.key)
            self.parting.bearers.remove(known)
            self.edition += 1

    def set_idle(self, candidate: Candidate, idle: bool) -> None:
        """Offer a worker to requests, or withdraw it."""
        if candidate.idle is idle:
            return
        candidate.idle = idle
        self.turn += 1
        keys = candidate.offer.front
        if idle:
            keys.add(candidate.key)
            if keys.lowest == candidate.key:
                self.stirred_offers[candidate.offer] = None
        else:
            keys.remove(candidate.key)

    def end_hold(self, request_id: int) -> None:
        """Note that a request holds no worker."""
        uuid = self._held_by.pop(request_id, None)
        if uuid is None:
            return
        self.turn += 1
        ended = self.holds.pop(uuid)
        candidate = self.workers.get(uuid)
        if candidate is not None:
            candidate.offer.holders.remove((ended.until, uuid))

    def set_hold(self, uuid: str, hold: Hold) -> None:
        """Note who holds a worker now, whether or not the worker is known yet."""
        other = self.holds.get(uuid)
        if other is not None:
            self.end_hold(other.request_id)
        self.end_hold(hold.request_id)
        self.turn += 1
        self._held_by[hold.request_id] = uuid
        self.holds[uuid] = hold
        candidate = self.workers.get(uuid)
        if candidate is not None:
            candidate.offer.holders.add((hold.until, uuid))

    def held_by(self, request_id: int) -> str | None:
        """Return the UUID of the worker that a request holds, None when it holds none."""
        return self._held_by.get(request_id)

    def rivals(self, demand: Demand) -> frozenset[Demand]:
        """Return the demands that some registered worker of this one could serve, and itself."""
        return self._rivals.of(demand, self._links)

    def some_worker(self, offer: Offer) -> Candidate | None:
        """Return the worker of an offer with the lowest UUID, among the many looked at."""
        tokens = (token for token in offer.tokens if token in self.parting.bearers)
        token = min(tokens, key=self.parting.bearers.count, default=None)
        candidates = self.workers.values() if token is None else self.parting.bearers.of(token)
        found = (worker for worker in candidates if worker.offer is offer)
        return min(islice(found, WORKERS_COMPARED), key=lambda worker: worker.uuid, default=None)

    def _drop_demand(self, demand: Demand) -> None:
        del self._empty[demand], self.demands[demand.key]
        self.parting.unfile_demand(demand)
        for offer in tuple(demand.eligible):
            self._unlink(demand, offer)
        for pending in (self.lost, self.gained, self.stirred_demands):
            pending.pop(demand, None)
        for token in demand.tokens:
            self.parting.unask(token)

    def _link(self, demand: Demand, offer: Offer) -> None:
        self.lost.pop(demand, None)
        if not demand.eligible:
            self.gained[demand] = None
        self._links += 1
        self.turn += 1
        demand.eligible[offer] = None
        offer.eligible[demand] = None
        demand.front.greet(offer.demands)
        offer.front.greet(demand.idle)

    def _unlink(self, demand: Demand, offer: Offer) -> None:
        self._links += 1
        self.turn += 1
        demand.eligible.pop(offer, None)
        offer.eligible.pop(demand, None)
        demand.front.dismiss(offer.demands)
        offer.front.dismiss(demand.idle)
        if not demand.eligible:
            self.gained.pop(demand, None)
            self.lost[demand] = None

    def _admit(self, worker: Worker) -> Candidate:
        tokens = tokens_of(worker)
        self.parting.meet_values(tokens)
        kept = self.parting.bearers.keep(tokens)
        candidate = Candidate(
            uuid=worker.uuid,
            name=worker.name,
            caps=worker.caps,
            labels=worker.labels,
            groups=worker.groups,
            fence=worker.fence,
            tokens=kept,
            state=worker.offered,
            revision=worker.revision,
            epoch=worker.epoch,
            key=_key(worker),
            offer=self.parting.offer_at(self.parting.label_of(kept, not worker.groups)),
        )
        self.workers[worker.uuid] = candidate
        self.parting.bearers.add(candidate)
        self.edition += 1
        self._enter(candidate)
        return candidate

    def _compare(self, candidate: Candidate, worker: Worker) -> None:
        """Take over what a worker offers now, if that is anything new."""
        tokens, key = tokens_of(worker), _key(worker)
        if candidate.key != key or candidate.tokens != tokens:
            self._change(candidate, tokens, key, not worker.groups)
        elif candidate.offer.verified != self.parting.unasked:
            self.parting.verify(candidate)
        candidate.caps, candidate.groups = worker.caps, worker.groups
        candidate.labels, candidate.fence = worker.labels, worker.fence

    def _change(
        self, candidate: Candidate, tokens: tuple[Token, ...], key: WorkerKey, serves_all: bool
    ) -> None:
        self.parting.meet_values(tokens)
        self.parting.bearers.remove(candidate)
        candidate.tokens = self.parting.bearers.keep(tokens)
        self.parting.bearers.add(candidate)
        self.edition += 1
        label = self.parting.label_of(candidate.tokens, serves_all)
        self._move(candidate, self.parting.offer_at(label), key)

    def _move(self, candidate: Candidate, offer: Offer, key: WorkerKey) -> None:
        """Enter the new offer before leaving the old one.

        So no demand that both serve seems to lose its last worker in between.
        """
        before = candidate.offer, candidate.key
        if before != (offer, key):
            candidate.offer, candidate.key = offer, key
            self._enter(candidate)
            self._leave(candidate, *before)

    def _enter(self, candidate: Candidate) -> None:
        offer = candidate.offer
        offer.count(candidate.state, 1)
        if candidate.absent:
            offer.absent[candidate.uuid] = candidate
        if candidate.idle:
            offer.front.add(candidate.key)
            self.stirred_offers[offer] = None
        hold = self.holds.get(candidate.uuid)
        if hold is not None:
            offer.holders.add((hold.until, candidate.uuid))

    def _leave(self, candidate: Candidate, offer: Offer, key: WorkerKey) -> None:
        offer.count(candidate.state, -1)
        if offer is not candidate.offer:
            offer.absent.pop(candidate.uuid, None)
        if candidate.idle:
            offer.front.remove(key)
        hold = self.holds.get(candidate.uuid)
        if hold is not None:
            offer.holders.remove((hold.until, candidate.uuid))
        if not offer.registered:
            self.parting.unfile(offer)
            for demand in tuple(offer.eligible):
                self._unlink(demand, offer)
            self.stirred_offers.pop(offer, None)


def _key(worker: Worker) -> WorkerKey:
    # That all have a name makes none of them more capable.
    told = {*worker.caps, *(worker.labels or ())}
    return len(told) + len(worker.groups), worker.uuid
