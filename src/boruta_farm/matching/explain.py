"""Why a request waits: what boards it could use, who stands before it, and what would help."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import merge, nsmallest
from itertools import islice
from typing import Self

from boruta_farm.core.moments import micros, moment
from boruta_farm.core.standings import request_standing
from boruta_farm.matching.classes import Candidate, Demand, Hold, Offer
from boruta_farm.matching.competition import (
    BRIEF_SAMPLED,
    SAMPLED,
    Contest,
    Supply,
    absent,
    deciding,
    expected,
    queue_of,
    starts_at_once,
    supply_of,
)
from boruta_farm.matching.forecast import Score
from boruta_farm.matching.learning import Memory
from boruta_farm.matching.market import Market
from boruta_farm.matching.misses import Misses, misses
from boruta_farm.matching.policies.order import Order
from boruta_farm.model.explanation import (
    AbsentWorker,
    Cause,
    Explanation,
    Forecast,
    JobLimit,
    WorkerHolder,
)
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import UUID_CAPABILITY, WorkerState
from boruta_farm.words.explanation import said
from boruta_farm.words.policies import order
from boruta_farm.words.times import Times
from boruta_farm.words.worker import OUT_OF_REACH, STATES

SHOWN = 10
"""Holders and absent workers named."""

BRIEF_RIVALS = 64
"""Competing demands up to which a short answer tells the position: a bound on its cost."""

MISSES_KEPT = 1024
"""Demands whose misses, and whose boards, are kept until boards change."""

_MOMENT, _MINUTE = 1_000_000, 60_000_000

Sees = Callable[[str], bool]
"""Tells whether the one who asks may see this owner's name."""


@dataclass(slots=True, eq=False)
class DemandBoards:
    """Tell what is the same for all requests of a demand until something becomes of a board.

    Many requests that ask for the same are filed between two such turns, and to look at ten boards
    took half of an explanation.
    """

    counts: dict[str, int]
    held: tuple[tuple[Candidate, Hold], ...]
    absent: tuple[AbsentWorker, ...]
    in_service: bool
    free: bool
    """Whether a board is idle and can be reached."""
    _holders: dict[tuple[bool, ...], tuple[WorkerHolder, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, market: Market, demand: Demand) -> Self:
        """Look at a demand's boards."""
        counts = _count(demand)
        away = [worker for offer in demand.eligible for worker in offer.absent.values()]
        idle_away = sum(worker.state is WorkerState.IDLE for worker in away)
        return cls(
            counts={state.value: count for state, count in counts.items()},
            held=tuple(islice(_held(market, demand), SHOWN)),
            absent=_away(demand),
            in_service=len(away) < sum(counts.values()),
            free=counts.get(WorkerState.IDLE, 0) > idle_away,
        )

    def holders(self, sees: Sees) -> tuple[WorkerHolder, ...]:
        """Return who has the boards, as somebody may see it."""
        seen = tuple([sees(hold.owner) for _, hold in self.held])
        found = self._holders.get(seen)
        if found is None:
            found = self._holders[seen] = tuple(
                WorkerHolder(
                    worker=worker.uuid,
                    name=worker.name,
                    request_id=hold.request_id,
                    owner=hold.owner_name if named and not hold.nameless else None,
                    until=moment(hold.until),
                )
                for named, (worker, hold) in zip(seen, self.held, strict=True)
            )
        return found


@dataclass(slots=True, eq=False)
class Explainer:
    """Explain requests by what the index knows."""

    market: Market
    order: Order
    memory: Memory
    score: Score
    settings: FarmSettings
    _policy: str = field(init=False)
    _edition: int = -1
    _missed: dict[Demand, Misses] = field(default_factory=dict)
    _unserved: dict[Demand, Explanation] = field(default_factory=dict)
    _turn: int = -1
    _boards: dict[Demand, DemandBoards] = field(default_factory=dict)
    _supplied: int = 0
    _supplies: dict[Demand, Supply] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._policy = order(self.settings.policies)

    def explain(
        self,
        request: Request,
        now: datetime,
        sees: Sees,
        *,
        brief: bool = False,
        demand: Demand | None = None,
    ) -> Explanation:
        """Find out why a request waits; costs grow with what competes, not with what waits.

        A ``brief`` explanation looks for no near misses, and for no position among very many
        competing demands. ``demand`` is the request's, where that is known already.
        """
        if request.state is not RequestState.WAITING:
            return self._standing(request)
        job = request.live_job
        opening = job is not None or self.market.held_by(request.id) is not None
        if opening or request.borrows:
            readying = job is not None and job.phase is JobPhase.READYING
            return self._standing(request, Cause.READYING if readying else Cause.OPENING)
        market = self.market
        if demand is None:
            demand = market.demand(request)
        boards = self._boards_of(demand)
        key = self.order.key(request) + demand.shift
        queue = queue_of(market, demand, key, BRIEF_RIVALS if brief else None)
        if not boards.counts:
            return replace(
                self._without_boards(demand, now),
                request_id=request.id,
                position=None if queue is None else queue.position,
                decided=None if queue is None else deciding(self.order, key, queue.first),
            )
        cause = self._cause(request, demand, boards, queue, now)
        forecast = None
        if queue is not None and cause is not Cause.OUT_OF_SERVICE:
            forecast = self._forecast(request, demand, queue, now, brief)
        found = Explanation(
            request_id=request.id,
            state=request.state.value,
            position=None if queue is None else queue.position,
            matching=boards.counts,
            holders=boards.holders(sees),
            cause=cause,
            absent=boards.absent,
            registered=len(market.workers),
            not_before=request.valid_after if request.valid_after > now else None,
            limit=_limit(demand, request),
            policy=self._policy,
            decided=self._decided(demand, key, queue, cause),
            forecast=forecast,
        )
        return found if brief else _with_misses(found, self._misses(demand))

    def _without_boards(self, demand: Demand, now: datetime) -> Explanation:
        """Explain what no registered board could serve, but for its place in the queue.

        That is the same for all requests of a demand until boards change, and is told to
        whoever files many of them. So are the words for it, since there are no times in them.
        """
        missed = self._misses(demand)
        known = self._unserved.get(demand)
        if known is None:
            found = Explanation(
                request_id=0,
                state=RequestState.WAITING.value,
                cause=Cause.GROUPS if missed.elsewhere else Cause.NO_BOARD,
                groups=None if demand.groups is None else tuple(sorted(demand.groups)),
                registered=len(self.market.workers),
                policy=self._policy,
            )
            words = said(_with_misses(found, missed), Times(now=now))
            known = self._unserved[demand] = words
        return known

    def _boards_of(self, demand: Demand) -> DemandBoards:
        """Return what is known of a demand's boards."""
        if self._turn != self.market.turn or len(self._boards) >= MISSES_KEPT:
            self._boards.clear()
            self._turn = self.market.turn
        known = self._boards.get(demand)
        if known is None:
            known = self._boards[demand] = DemandBoards.of(self.market, demand)
        return known

    def _misses(self, demand: Demand) -> Misses:
        """Return what boards fail on; it is the same for all requests of a demand."""
        if self._edition != self.market.edition or len(self._missed) >= MISSES_KEPT:
            self._missed.clear()
            self._unserved.clear()
            self._edition = self.market.edition
        known = self._missed.get(demand)
        if known is None:
            known = self._missed[demand] = misses(self.market, demand)
        return known

    def _standing(self, request: Request, cause: Cause = Cause.NONE) -> Explanation:
        """Tell how a request stands that does not wait in the queue (any more).

        The index may know of a grant that the request, read a moment ago, does not show.
        """
        job = request.live_job
        worker = self.market.held_by(request.id) if job is None else job.worker
        if worker is None and request.borrows:
            worker = request.required.get(UUID_CAPABILITY)
        standing = request_standing(request, None if worker is None else self._name(worker))
        return Explanation(
            request_id=request.id, state=request.state.value, cause=cause, standing=standing
        )

    def _name(self, uuid: str) -> str:
        worker = self.market.workers.get(uuid)
        return uuid if worker is None else worker.name

    def _cause(
        self,
        request: Request,
        demand: Demand,
        boards: DemandBoards,
        queue: Contest | None,
        now: datetime,
    ) -> Cause:
        if request.valid_after > now:
            return Cause.NOT_YET_VALID
        if not boards.in_service:
            return Cause.OUT_OF_SERVICE
        if demand.party is not None and demand.party.full is not None:
            return Cause.LIMIT
        if queue is not None and queue.first is not None:
            return Cause.QUEUE
        return Cause.NOW if boards.free else Cause.BUSY

    def _decided(self, demand: Demand, key: int, queue: Contest | None, cause: Cause) -> str | None:
        if cause is Cause.LIMIT:
            assert demand.party is not None
            full = demand.party.full
            assert full is not None
            return f"limit of jobs per {full.kind}"
        if queue is None:
            return None
        return deciding(self.order, key, queue.first)

    def _forecast(
        self, request: Request, demand: Demand, queue: Contest, now: datetime, brief: bool
    ) -> Forecast | None:
        at = micros(now)
        found: tuple[float, float] | None = 0.0, 0.0
        if not starts_at_once(demand, queue):
            supply = self._supply(demand, at, brief)
            found = expected(request, demand, queue, supply, self.memory, self.settings, at)
        if found is None:
            return None
        not_before = micros(request.valid_after)
        earliest, latest = (max(not_before, at + round(wait * 1_000_000)) for wait in found)
        # To the minute, outwards: nobody plans by seconds, and the text does not flicker.
        earliest = earliest // _MINUTE * _MINUTE
        latest = -(-max(latest, earliest) // _MINUTE) * _MINUTE
        if request.id:
            self.score.tell(request.id, earliest, latest)
        return Forecast(
            earliest=moment(earliest),
            latest=moment(latest),
            hits=self.score.hits,
            of=self.score.of,
        )

    def _supply(self, demand: Demand, at: int, brief: bool) -> Supply:
        """Return when boards become free, for a short answer as of a moment ago.

        Many requests that ask for the same are filed within a moment, and people are told
        minutes.
        """
        if not brief:
            return supply_of(self.market, demand, self.memory, self.settings, at, SAMPLED)
        if at - self._supplied >= _MOMENT:
            self._supplies.clear()
            self._supplied = at
        known = self._supplies.get(demand)
        if known is None:
            known = self._supplies[demand] = supply_of(
                self.market, demand, self.memory, self.settings, at, BRIEF_SAMPLED
            )
        return known


def _held(market: Market, demand: Demand) -> Iterator[tuple[Candidate, Hold]]:
    """Return who has a demand's boards, the earliest end first."""
    for _, uuid in merge(*(offer.holders for offer in _soonest(demand.eligible))):
        worker = market.workers[uuid]
        if worker.state is WorkerState.RUNNING:
            yield worker, market.holds[uuid]


def _count(demand: Demand) -> dict[WorkerState, int]:
    """Count the workers that could serve a demand by state, in the order people read them."""
    if not demand.eligible:
        return {}
    counts = dict.fromkeys(STATES, 0)
    for offer in demand.eligible:
        for state, count in offer.states.items():
            counts[state] += count
    return {state: count for state, count in counts.items() if count}


def _away(demand: Demand) -> tuple[AbsentWorker, ...]:
    """Name workers that could serve a demand, were they in service."""
    return tuple(
        AbsentWorker(
            worker=worker.uuid,
            name=worker.name,
            state=worker.state.value,
            reason=worker.reason or (OUT_OF_REACH if worker.unreachable_since else None),
            unreachable_since=worker.unreachable_since,
        )
        for worker in absent(demand, SHOWN)
    )


def _soonest(offers: Iterable[Offer]) -> list[Offer]:
    """Return offers among which the first ends of jobs are, without sorting thousands."""
    held = [(first, offer) for offer in offers if (first := offer.holders.lowest) is not None]
    if len(held) > 2 * SHOWN:
        held = nsmallest(2 * SHOWN, held, key=lambda pair: pair[0])
    return [offer for _, offer in held]


def _limit(demand: Demand, request: Request) -> JobLimit | None:
    full = demand.party.full if demand.party is not None else None
    if full is None or full.limit is None:
        return None
    name = None if request.owner_groups is None else full.name
    return JobLimit(kind=full.kind, name=name, held=len(full.jobs), allowed=full.limit)


def _with_misses(found: Explanation, missed: Misses) -> Explanation:
    return replace(
        found,
        lacking=missed.lacking,
        other_groups=missed.other_groups,
        wanted=missed.wanted,
        unknown=missed.unknown,
        guesses=missed.guesses,
        without=missed.without,
        near_miss=missed.nearest,
    )
