"""Histories of a store that hypothesis draws, over both databases, against plain dictionaries.

Commands come one by one and together, to one store or to two over the same database; some are
refused by themselves, some by the database's own rules. Stores are closed and opened again in
between. After every step all that is stored is what the naive rules make of it, for every store,
and each has heard of every event once and in order.
"""

import asyncio
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from boruta_farm.model.errors import BorutaError, InvalidError
from boruta_farm.model.events import Change
from boruta_farm.model.job import JobPhase
from boruta_farm.model.listing import Paginator, RequestFilter, Sorter, WorkerFilter
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.store.base import Decide, Transaction
from boruta_farm.store.database import DatabaseStore
from tests.store.farms import Kind, PostgresKind, SqliteKind
from tests.store.making import (
    HandClock,
    changing,
    creating,
    ending,
    finishing,
    granting,
    make_job,
    make_request,
    make_worker,
    registering,
)
from tests.store.postgres_server import PostgresServer

pytestmark = pytest.mark.prove

WORKERS = 3
HEARD_WITHIN = 30.0


@dataclass(frozen=True)
class Act:
    """Name a command, with the request (by its place) and the worker that it is about."""

    verb: str
    request: int
    worker: int
    priority: int


ACTS = st.builds(
    Act,
    verb=st.sampled_from(
        ("create", "create", "change", "finish", "grant", "grant", "end", "fail", "register")
    ),
    request=st.integers(0, 11),
    worker=st.integers(1, WORKERS),
    priority=st.integers(1, 16),
)


class Naive:
    """What is stored, by rules without database, memory or batches."""

    def __init__(self, clock: HandClock) -> None:
        self.requests: dict[int, Request] = {}
        self.workers: dict[str, Worker] = {}
        self.events = 0
        self._clock = clock

    def follow(self, act: Act) -> tuple[Decide[Any], bool]:
        """Return the command of an act, and whether it has to succeed; what it does is done here.

        What cannot be done to the request that was named files another one instead.
        """
        known = list(self.requests.values())
        request = known[act.request % len(known)] if known else None
        worker = self.workers.get(make_worker(act.worker).uuid)
        match act.verb:
            case "change" if request is not None:
                self._save(request, priority=act.priority)
                return changing(request.id, priority=act.priority), True
            case "finish" if request is not None and request.state is RequestState.WAITING:
                self._finish(request, RequestState.CANCELLED)
                return finishing(request.id), True
            case "grant" if request is not None and request.state is RequestState.WAITING:
                assert worker is not None
                return granting(request.id, worker.uuid), self._grant(request, worker)
            case "end" if request is not None and request.state is RequestState.IN_PROGRESS:
                self._end(request)
                return ending(request.id), True
            case "fail" if request is not None:
                return brittle(request.id), False
            case "register":
                return registering(self._register(act.worker, worker, act.priority)), True
            case _:
                self._create(act.priority)
                return creating(priority=act.priority), True

    def held(self, worker: Worker) -> bool:
        """Tell whether a worker, or its epoch, is or was somebody else's."""
        jobs = [request.job for request in self.requests.values() if request.job is not None]
        return any(
            job.worker == worker.uuid and (job.phase is JobPhase.LIVE or job.epoch == worker.epoch)
            for job in jobs
        )

    def _save(self, request: Request, **changes: Any) -> Request:
        saved = replace(request, revision=request.revision + 1, **changes)
        self.requests[request.id] = saved
        self.events += 1
        return saved

    def _create(self, priority: int) -> None:
        number = len(self.requests) + 1
        self.requests[number] = make_request(number, created=self._clock.now(), priority=priority)
        self.events += 1

    def _finish(self, request: Request, state: RequestState, **changes: Any) -> None:
        if state is RequestState.CANCELLED:
            changes["reason"] = "a test"
        self._save(request, state=state, finished=self._clock.now(), **changes)

    def _grant(self, request: Request, worker: Worker) -> bool:
        if self.held(worker):
            return False
        job = make_job(request.id, worker)
        self._save(request, state=RequestState.IN_PROGRESS, job=job)
        self._put(replace(worker, revision=worker.revision + 1, state=WorkerState.RUNNING))
        return True

    def _end(self, request: Request) -> None:
        assert request.job is not None
        job = replace(request.job, phase=JobPhase.ENDED, ended=self._clock.now())
        self._finish(request, RequestState.DONE, job=job)
        worker = self.workers[job.worker]
        self._put(replace(worker, revision=worker.revision + 1, epoch=worker.epoch + 1))

    def _register(self, number: int, known: Worker | None, mark: int) -> Worker:
        worker = make_worker(number)
        if known is not None:
            caps = {**known.caps, "mark": str(mark)}
            worker = replace(known, revision=known.revision + 1, caps=caps)
        self._put(worker)
        return worker

    def _put(self, worker: Worker) -> None:
        self.workers[worker.uuid] = worker
        self.events += 1


def brittle(number: int) -> Decide[None]:
    """Return a command that changes something and then refuses."""

    def decide(tx: Transaction, now: Any) -> None:
        changing(number, priority=1)(tx, now)
        raise InvalidError("refused by itself")

    return decide


class Hearer:
    """Note what a store tells."""

    def __init__(self, store: DatabaseStore, first: int) -> None:
        self.numbers: list[int] = []
        self.first = first
        self._news = asyncio.Event()
        store.listen(self._hear)

    def _hear(self, changes: tuple[Change, ...]) -> None:
        self.numbers += [change.event.number for change in changes]
        self._news.set()

    async def until(self, last: int) -> None:
        """Return when all events up to this one were told."""
        async with asyncio.timeout(HEARD_WITHIN):
            while len(self.numbers) <= last - self.first:
                self._news.clear()
                await self._news.wait()
        assert self.numbers == list(range(self.first, last + 1))


class StoreMachine(RuleBasedStateMachine):
    """Play histories over one SQLite database."""

    count = 1

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._runner = self._stack.enter_context(asyncio.Runner())
        self._clock = HandClock()
        self._naive = Naive(self._clock)
        self._kind = self.make_kind(self._stack)
        self._stores: dict[int, tuple[DatabaseStore, Hearer]] = {}

    def make_kind(self, stack: ExitStack) -> Kind:
        """Return a new, empty database, which goes with the stack."""
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        return SqliteKind(Path(folder) / "farm.db", inline=False)

    @initialize()
    def begin(self) -> None:
        """Open the stores, and register workers."""
        for place in range(self.count):
            self._open(place)
        self._together(0, [Act("register", 0, number, 1) for number in range(1, WORKERS + 1)])

    @rule(place=st.integers(0, 1), acts=st.lists(ACTS, min_size=1, max_size=6))
    def act(self, place: int, acts: list[Act]) -> None:
        """Give a store some commands at once."""
        self._together(place % self.count, acts)

    @rule(place=st.integers(0, 1))
    def reopen(self, place: int) -> None:
        """Close a store and open it again."""
        self._runner.run(self._stores[place % self.count][0].close())
        self._open(place % self.count)

    @rule(seconds=st.integers(1, 86_400))
    def wait(self, seconds: int) -> None:
        """Let time go by."""
        self._clock.advance(timedelta(seconds=seconds))

    @invariant()
    def all_is_as_the_rules_make_it(self) -> None:
        """Read everything back, from every store."""
        for store, hearer in self._stores.values():
            self._runner.run(self._check(store, hearer))

    def teardown(self) -> None:
        """Close all."""
        for store, _ in self._stores.values():
            self._runner.run(store.close())
        self._stack.close()

    def _open(self, place: int) -> None:
        async def start() -> None:
            store = self._kind.build(self._clock, FarmSettings())
            await store.start()
            self._stores[place] = store, Hearer(store, self._naive.events + 1)

        self._runner.run(start())

    def _together(self, place: int, acts: list[Act]) -> None:
        store, _ = self._stores[place]
        # They run in the order in which they are given, in one batch or in several.
        commands = [self._naive.follow(act) for act in acts]

        async def run() -> list[Any]:
            return await asyncio.gather(
                *(store.execute(command) for command, _ in commands), return_exceptions=True
            )

        answers = self._runner.run(run())
        for act, (_, succeeds), answer in zip(acts, commands, answers, strict=True):
            if succeeds:
                assert not isinstance(answer, BaseException), f"{act} was refused: {answer!r}"
            else:
                assert isinstance(answer, BorutaError), f"{act} was not refused: {answer!r}"

    async def _check(self, store: DatabaseStore, hearer: Hearer) -> None:
        naive = self._naive
        await hearer.until(naive.events)
        everything = tuple(naive.requests[number] for number in sorted(naive.requests))
        whole = Paginator(limit=0)
        page = await store.list_requests(RequestFilter(), Sorter(item="id"), whole)
        assert page.items == everything
        for request in everything[-3:]:
            assert await store.get_request(request.id) == request
        waiting = RequestFilter(states=(RequestState.WAITING.value,))
        some = await store.list_requests(waiting, Sorter(item="priority"), whole)
        by_priority = sorted(
            (request for request in everything if request.state is RequestState.WAITING),
            key=lambda request: (request.priority, request.id),
        )
        assert some.items == tuple(by_priority)
        size = await store.farm_size()
        assert size.last_event == naive.events
        counted = Counter({state: count for state, count in size.finished.items() if count})
        for (state, _), count in size.unfinished.items():
            counted[state] += count
        assert counted == Counter(request.state for request in everything)
        workers = await store.list_workers(WorkerFilter(), Sorter(item="uuid"), whole)
        assert workers.items == tuple(naive.workers[uuid] for uuid in sorted(naive.workers))
        events = await store.events(0, naive.events + 1)
        assert [event.number for event in events] == list(range(1, naive.events + 1))


def test_histories_over_sqlite() -> None:
    run_state_machine_as_test(
        StoreMachine, settings=settings(max_examples=20, stateful_step_count=12, deadline=None)
    )


def test_histories_of_two_servers_over_postgresql(postgres_server: PostgresServer) -> None:
    class Two(StoreMachine):
        count = 2

        def make_kind(self, stack: ExitStack) -> Kind:
            address = postgres_server.database()
            stack.callback(postgres_server.drop, address)
            return PostgresKind(address)

    run_state_machine_as_test(
        Two, settings=settings(max_examples=6, stateful_step_count=10, deadline=None)
    )
