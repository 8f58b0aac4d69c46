"""The matching index: folds what was committed and proposes who gets which worker."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from boruta_farm.core.demands import DemandKey, demand_key
from boruta_farm.core.jobs import Grant
from boruta_farm.core.moments import micros
from boruta_farm.matching.classes import Demand, Hold, Match
from boruta_farm.matching.explain import Explainer, Sees
from boruta_farm.matching.forecast import Score
from boruta_farm.matching.learning import Memory
from boruta_farm.matching.loading import Loading
from boruta_farm.matching.market import Away, Market
from boruta_farm.matching.orphans import Orphans
from boruta_farm.matching.passes import Pass, serve_demand, serve_offer
from boruta_farm.matching.policies.ledger import Ledger
from boruta_farm.matching.policies.order import Order, id_of
from boruta_farm.matching.queue import Queue
from boruta_farm.model.events import Change, EventKind
from boruta_farm.model.explanation import Explanation
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.summary import Summary
from boruta_farm.model.worker import Worker, WorkerState

# Looked up on an enumeration, a member costs as much as the rest of a line.
_WAITING = RequestState.WAITING
_DEREGISTERED = EventKind.WORKER_DEREGISTERED

PASS_LIMIT = 256
"""Most proposals of one pass, so that a large farm's start does not hold up everything else."""


class Index:
    """Know who waits and who is idle, and propose grants.

    Proposals are remembered: their request and worker are not proposed again until a change of
    either arrives or ``refused`` gives them back. Nothing here is authority; the writer checks
    every proposal again. ``now`` spares a rebuild from taking every request for one that is not
    yet valid; time is learnt from changes and questions too. ``away`` tells since when a fenced
    board has no link: without a living one nothing is proposed for it. When that changes, ``look``.
    """

    def __init__(
        self,
        now: datetime | None = None,
        settings: FarmSettings | None = None,
        score: Score | None = None,
        away: Away = lambda _uuid: None,
    ) -> None:
        settings = settings or FarmSettings()
        job_length = round(settings.job_timeout.total_seconds() * 1_000_000)
        self._order = Order(settings.policies)
        self._ledger: Ledger[Demand] = Ledger(settings.policies, job_length)
        self._market = Market(self._ledger, away)
        self._queue = Queue(self._market, self._order)
        if now is not None:
            self._advance(now)
        self._memory = Memory(settings)
        self._score = score or Score()
        self._explainer = Explainer(self._market, self._order, self._memory, self._score, settings)
        self._orphans = Orphans(self._market, self._queue)
        self._by_request: dict[int, Grant] = {}
        self._by_worker: dict[str, Grant] = {}

    def begin(self, summaries: Iterable[Summary]) -> None:
        """Take over what ended jobs have taught."""
        self._memory.begin(summaries)
        self._ledger.begin(self._memory.uses())

    def fold(self, change: Change) -> None:
        """Take in one committed change."""
        now = micros(change.event.at)
        if now > self._queue.now:
            self._queue.now = self._ledger.now = now
        if change.request is not None:
            self.put_request(change.request)
        if change.worker is not None:
            if change.event.kind is _DEREGISTERED:
                self.remove_worker(change.worker.uuid)
            else:
                self.put_worker(change.worker)

    def put_request(self, request: Request) -> None:
        """Take in a request as it is now, whatever its state."""
        self._by_request.pop(request.id, None)
        self._ledger.note(request)
        job = request.live_job
        if request.state is _WAITING:
            entry = self._queue.get(request.id)
            if entry is not None and entry.demand is not self._market.demand(request):
                self._leave(request.id)
            waiting = self._queue.put(request)
            self._orphans.note_request(waiting, request.id, request.orphaned_since is not None)
        else:
            self._learn(request)
            self._leave(request.id)
        if job is None or request.borrows:
            # What is borrowed is nobody's to wait for.
            self._market.end_hold(request.id)
        else:
            hold = Hold(
                request_id=request.id,
                owner=request.owner,
                owner_name=request.owner_name,
                until=micros(job.timeout),
                granted=micros(job.granted),
                wanted=demand_key(request),
                nameless=request.owner_groups is None,
                length=None if request.length is None else request.length.total_seconds(),
            )
            self._market.set_hold(job.worker, hold)

    def _leave(self, request_id: int) -> None:
        """Forget a request that waits no more, or asks for something else now."""
        entry = self._queue.remove(request_id)
        if entry is not None:
            self._orphans.note_request(entry, request_id, False)

    def loading(self) -> Loading:
        """Return what takes in a long queue faster than ``put_request``, before all changes."""
        return Loading(self._market, self._queue, self._orphans)

    def put_worker(self, worker: Worker) -> None:
        """Take in a registered worker as it is now."""
        self._by_worker.pop(worker.uuid, None)
        candidate = self._market.put_worker(worker)
        self._market.set_idle(candidate, candidate.available)
        self._orphans.note_market()

    def look(self, uuid: str) -> None:
        """Look again whether a worker can be reached; one that cannot is not proposed."""
        candidate = self._market.workers.get(uuid)
        if candidate is not None:
            self._market.reach(candidate)
            proposed = uuid in self._by_worker
            self._market.set_idle(candidate, candidate.available and not proposed)

    def remove_worker(self, uuid: str) -> None:
        """Forget a deregistered worker."""
        self._by_worker.pop(uuid, None)
        self._market.remove_worker(uuid)
        self._orphans.note_market()

    def proposals(self, now: datetime, limit: int = PASS_LIMIT) -> tuple[Grant, ...]:
        """Return new proposals, most important request first; call again until there are none.

        One call is one pass: within it the best use is made of the workers, and no request is
        left unserved that another assignment would have served.
        """
        self._advance(now)
        market = self._market
        self._stir()
        if limit <= 0 or not (market.stirred_demands or market.stirred_offers):
            return ()
        matches = self._matches(limit)
        grants = tuple([self._grant(match) for match in matches])
        if len(matches) < limit:
            for demand in market.stirred_demands:
                demand.announce()
            for offer in market.stirred_offers:
                offer.announce()
            market.stirred_demands.clear()
            market.stirred_offers.clear()
        return grants

    def foreseen(self, uuid: str, now: datetime) -> Grant | None:
        """Propose who gets a worker that is about to become IDLE, as ``proposals`` would then.

        None also while others are to be matched first. Who was proposed stays so until a change
        of his, or ``refused``.
        """
        self._advance(now)
        market = self._market
        self._stir()
        candidate = market.workers.get(uuid)
        if candidate is None or market.stirred_demands or market.stirred_offers:
            return None
        if candidate.state is not WorkerState.PREPARE or candidate.unreachable_since is not None:
            return None
        market.set_idle(candidate, True)
        grants = self.proposals(now)
        market.set_idle(candidate, False)
        found = None
        for grant in grants:
            if grant.worker == uuid:
                found = grant
            else:
                # Not to be lost: nobody else was idle that somebody waits for.
                self.refused(grant)
        return found

    def refused(self, grant: Grant) -> None:
        """Take back a proposal that the writer refused; one that a change settled is ignored."""
        if self._by_request.get(grant.request_id) == grant:
            del self._by_request[grant.request_id]
            self._ledger.release(grant.request_id)
            entry = self._queue.get(grant.request_id)
            if entry is not None:
                self._queue.free(entry)
        if self._by_worker.get(grant.worker) == grant:
            del self._by_worker[grant.worker]
            candidate = self._market.workers.get(grant.worker)
            if candidate is not None:
                self._market.set_idle(candidate, candidate.available)

    def next_valid(self) -> datetime | None:
        """Return when the next waiting request becomes valid."""
        return self._queue.next_valid()

    @property
    def capability_names(self) -> Collection[str]:
        """Return the capabilities that registered workers have."""
        return self._market.parting.bearers.names

    def candidates(self, request: Request) -> int:
        """Return how many registered workers, in any state, could serve the request."""
        return sum(offer.registered for offer in self._market.demand(request).eligible)

    def wanted(self, uuid: str, now: datetime) -> bool:
        """Tell whether a request that could start now waits for this worker, among others."""
        self._advance(now)
        candidate = self._market.workers.get(uuid)
        return candidate is not None and any(demand.front for demand in candidate.offer.eligible)

    @property
    def has_marks(self) -> bool:
        """Tell whether ``orphaned`` or ``adopted`` may return something."""
        return self._orphans.any

    def orphaned(self, limit: int = PASS_LIMIT) -> tuple[int, ...]:
        """Return the next ids to be marked: their last registered worker is gone."""
        return self._orphans.orphaned(limit)

    def adopted(self, limit: int = PASS_LIMIT) -> tuple[int, ...]:
        """Return the next marked ids that a registered worker could serve again."""
        return self._orphans.adopted(limit)

    def served(self) -> Mapping[DemandKey, int]:
        """Return what ``inherit`` needs, when this index has fallen behind and goes."""
        return self._orphans.served()

    def inherit(self, served: Mapping[DemandKey, int]) -> None:
        """Learn which demands had a worker, so that a loss in between is not forgotten."""
        self._orphans.inherit(served)

    def count_orphans(
        self,
        uuid: str,
        groups: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Count waiting requests that only this worker could serve.

        With ``groups`` or ``labels``: those it could not serve any more if it got these.
        """
        candidate = self._market.workers.get(uuid)
        if candidate is None or candidate.offer.registered > 1:
            return 0
        changed = groups is not None or labels is not None
        return sum(
            demand.waiting
            for demand in candidate.offer.eligible
            if len(demand.eligible) == 1
            and not (changed and candidate.would_serve(demand, groups, labels))
        )

    def explain(
        self,
        request: Request,
        now: datetime,
        sees: Sees = lambda _owner: True,
        *,
        brief: bool = False,
    ) -> Explanation:
        """Tell why a request waits; ``sees`` tells whose names the asker may read."""
        self._advance(now)
        entry = self._queue.get(request.id)
        demand = None if entry is None else entry.demand
        return self._explainer.explain(request, now, sees, brief=brief, demand=demand)

    def _learn(self, request: Request) -> None:
        """Keep score of forecasts, and learn from jobs that ended."""
        if request.state is RequestState.IN_PROGRESS and request.job is not None:
            self._score.started(request.id, micros(request.job.granted))
        elif request.state.finished:
            self._score.gone(request.id)
            self._memory.note(request)

    def _advance(self, now: datetime) -> None:
        self._queue.advance(now)
        self._ledger.now = self._queue.now

    def _stir(self) -> None:
        """Look again at the demands whose party may hold a board now or has come forward."""
        if not self._ledger.stirred:
            return
        for demand in self._ledger.stirred:
            if demand.front:
                self._market.stirred_demands[demand] = None
        self._ledger.stirred.clear()

    def _matches(self, limit: int) -> list[Match]:
        market, expired = self._market, self._queue.expired
        if not market.stirred_demands and len(market.stirred_offers) == 1:
            return serve_offer(next(iter(market.stirred_offers)), limit, expired)
        if not market.stirred_offers and len(market.stirred_demands) == 1:
            return serve_demand(next(iter(market.stirred_demands)), limit, expired)
        for offer in market.stirred_offers:
            offer.announce()
        return Pass(market.stirred_demands, market.stirred_offers, expired).matches(limit)

    def _grant(self, match: Match) -> Grant:
        """Remember a match as a proposal."""
        match.demand.front.taken = match.offer.front.taken = 0
        entry = self._queue.hold(match.request)
        candidate = self._market.workers[match.worker[1]]
        self._market.set_idle(candidate, False)
        request_id = id_of(match.request)
        grant = Grant(
            request_id=request_id,
            request_revision=entry.revision,
            worker=candidate.uuid,
            worker_revision=candidate.revision,
            epoch=candidate.epoch,
        )
        self._by_request[request_id] = self._by_worker[candidate.uuid] = grant
        return grant
