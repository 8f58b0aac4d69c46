"""A small farm beside an index: what both know, and what the naive rules expect."""

from hypothesis.stateful import (
    RuleBasedStateMachine,
)

from boruta_farm.core.jobs import Grant
from boruta_farm.matching import conditions, market
from boruta_farm.matching.index import Index
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker
from tests.matching.naive import (
    START,
    best_use,
    fits,
    order,
)

KEPT = market.EMPTY_DEMANDS_KEPT
VALUES = conditions.COLUMN_VALUES


class IndexWorld(RuleBasedStateMachine):
    """Keep a small farm as the index should know it, and tell the index what happens to it."""

    by_owner = False

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.number = 0
        self.requests: dict[int, Request] = {}
        self.workers: dict[str, Worker] = {}
        self.flying: list[Grant] = []
        self.busy_requests: set[int] = set()
        self.busy_workers: set[str] = set()
        self.lost: set[int] = set()
        self.index = self.make_index()

    def make_index(self) -> Index:
        """Return an empty index under the policies in force."""
        return Index()

    def key(self, request: Request) -> tuple[int, ...]:
        """Return what the request is sorted by now."""
        return order(request)

    def expected(self, requests: list[Request], workers: list[Worker]) -> list[Grant]:
        """Return what one pass decides."""
        return best_use(requests, workers)

    def teardown(self) -> None:
        market.EMPTY_DEMANDS_KEPT = KEPT
        conditions.COLUMN_VALUES = VALUES

    def tell(
        self, kind: EventKind, request: Request | None = None, worker: Worker | None = None
    ) -> None:
        self.number += 1
        served = {i for i, r in self.requests.items() if self.waits(r) and self.matching(r)}
        if request is not None:
            self.requests[request.id] = request
            self.busy_requests.discard(request.id)
        if worker is not None:
            self.workers[worker.uuid] = worker
            self.busy_workers.discard(worker.uuid)
            if kind is EventKind.WORKER_DEREGISTERED:
                del self.workers[worker.uuid]
        for request_id, known in self.requests.items():
            if not self.waits(known) or self.matching(known) or known.orphaned_since:
                self.lost.discard(request_id)
            elif request_id in served:
                self.lost.add(request_id)
        event = Event(number=self.number, at=self.now, kind=kind)
        self.index.fold(Change(event=event, request=request, worker=worker))

    def waits(self, request: Request) -> bool:
        return request.state is RequestState.WAITING

    def matching(self, request: Request) -> list[Worker]:
        return [worker for worker in self.workers.values() if fits(request, worker)]

    def some_waiting(self, pick: int) -> Request | None:
        waiting = [r for r in self.requests.values() if self.waits(r)]
        return waiting[pick % len(waiting)] if waiting else None

    def some_worker(self, pick: int) -> Worker | None:
        workers = list(self.workers.values())
        return workers[pick % len(workers)] if workers else None
