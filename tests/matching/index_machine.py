"""Random histories of a small farm, in which the index must decide as a scan does."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import zip_longest

from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    rule,
)

from boruta_farm.matching import conditions, market
from boruta_farm.model.events import EventKind
from boruta_farm.model.explanation import Cause
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Fence, Worker, WorkerState
from tests.matching.index_world import KEPT, VALUES, IndexWorld
from tests.matching.naive import (
    fits,
    grantable,
    make_request,
    make_worker,
    position,
)

HOUR = timedelta(hours=1)
CAPS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)
WORKER_CAPS = st.dictionaries(
    st.sampled_from("abc"), st.sampled_from(["1", "2", "1,2"]), max_size=3
)
SELECTORS = st.none() | st.sampled_from(
    [
        *("a", "!a", "!b", "a = 1", "a != 1", "b != 2", "a in (1, 2)", "a, a != 1", "c has 2"),
        *("a >= 2", "b < 2", "a 1..2", "b 0..1", "a not in (1, 2)", "b, !c", "a in (2, 3), b"),
        *("c has 1, c has 2", "c > 0", "a = 1, b = 1", "a > 1, !b, c != 1", "b in (1, 2), a <= 1"),
    ]
)
KEYS = st.sampled_from([None, None, "ssh-ed25519 A", "ecdsa-sha2-nistp256 A"])
"""Boards without a fence cannot take the last."""
GROUPS = st.lists(st.sampled_from(["lab", "ci"]), unique=True, max_size=2).map(tuple)
OWNER_GROUPS = st.none() | GROUPS
OWNER = st.sampled_from(["ann", "bob"])
PICK = st.integers(0, 1000)
DELAY = st.sampled_from([timedelta(0), timedelta(seconds=5), timedelta(minutes=1)])


class IndexMachine(IndexWorld):
    """Change a small farm at random and hold the index to the naive rules."""

    @initialize(kept=st.sampled_from([1, 2, KEPT]), values=st.sampled_from([0, 1, 2, VALUES]))
    def forget(self, kept: int, values: int) -> None:
        """Demands without requests are dropped soon, or never; values are few, or too many."""
        market.EMPTY_DEMANDS_KEPT = kept
        conditions.COLUMN_VALUES = values

    @initialize(workers=st.lists(st.tuples(WORKER_CAPS, GROUPS), max_size=5))
    def start(self, workers: list[tuple[dict[str, str], tuple[str, ...]]]) -> None:
        for caps, groups in workers:
            self.register(caps, groups, True)

    @rule(
        caps=CAPS,
        selector=SELECTORS,
        groups=OWNER_GROUPS,
        priority=st.integers(1, 3),
        delay=DELAY,
        life=DELAY,
        owner=OWNER,
        key=KEYS,
    )
    def create(
        self,
        caps: dict[str, str],
        selector: str | None,
        groups: tuple[str, ...] | None,
        priority: int,
        delay: timedelta,
        life: timedelta,
        owner: str,
        key: str | None = None,
    ) -> None:
        request = make_request(
            len(self.requests) + 1,
            caps,
            selector=selector,
            ssh_key=key,
            groups=groups,
            priority=priority,
            valid_after=self.now + delay,
            deadline=self.now + delay + life + HOUR,
            owner=owner,
            created=self.now,
        )
        self.tell(EventKind.REQUEST_CREATED, request=request)

    @rule(pick=PICK)
    def close(self, pick: int) -> None:
        request = self.some_waiting(pick)
        if request is not None:
            closed = replace(
                request, state=RequestState.CANCELLED, job=None, revision=request.revision + 1
            )
            self.tell(EventKind.REQUEST_FINISHED, request=closed)

    @rule(pick=PICK, priority=st.integers(1, 3), delay=DELAY)
    def update(self, pick: int, priority: int, delay: timedelta) -> None:
        request = self.some_waiting(pick)
        if request is not None and request.live_job is None:
            changed = replace(
                request,
                priority=priority,
                valid_after=self.now + delay,
                deadline=self.now + delay + HOUR,
                revision=request.revision + 1,
            )
            self.tell(EventKind.REQUEST_UPDATED, request=changed)

    @rule(caps=WORKER_CAPS, groups=GROUPS, idle=st.booleans(), fence=st.sampled_from(Fence))
    def register(
        self,
        caps: dict[str, str],
        groups: tuple[str, ...],
        idle: bool,
        fence: Fence = Fence.AGENT,
    ) -> None:
        state = WorkerState.IDLE if idle else WorkerState.MAINTENANCE
        # Ids fall so that new workers come before old ones as often as after them.
        uuid = f"{(self.number * 7919) % 1000:03}-{self.number}"
        worker = make_worker(uuid, caps, groups=groups, state=state, fence=fence)
        self.tell(EventKind.WORKER_REGISTERED, worker=worker)

    @rule(pick=PICK, caps=WORKER_CAPS, groups=GROUPS, labels=st.none() | WORKER_CAPS)
    def change_worker(
        self,
        pick: int,
        caps: dict[str, str],
        groups: tuple[str, ...],
        labels: dict[str, str] | None,
    ) -> None:
        worker = self.some_worker(pick)
        if worker is not None:
            changed = replace(
                worker,
                caps={"UUID": worker.uuid, **caps},
                groups=groups,
                labels=labels,
                revision=worker.revision + 1,
            )
            self.tell(EventKind.WORKER_CHANGED, worker=changed)

    @rule(pick=PICK, labels=st.none() | WORKER_CAPS)
    def label_worker(self, pick: int, labels: dict[str, str] | None) -> None:
        worker = self.some_worker(pick)
        if worker is not None:
            changed = replace(worker, labels=labels, revision=worker.revision + 1)
            self.tell(EventKind.WORKER_CHANGED, worker=changed)

    @rule(pick=PICK, state=st.sampled_from(WorkerState), lost=st.booleans())
    def set_state(self, pick: int, state: WorkerState, lost: bool) -> None:
        worker = self.some_worker(pick)
        if worker is not None:
            changed = replace(
                worker,
                state=state,
                unreachable_since=self.now if lost else None,
                revision=worker.revision + 1,
            )
            self.tell(EventKind.WORKER_STATE, worker=changed)

    @rule(pick=PICK)
    def make_idle(self, pick: int) -> None:
        self.set_state(pick, WorkerState.IDLE, False)

    @rule(
        demands=st.lists(st.tuples(CAPS, SELECTORS), max_size=4), picks=st.lists(PICK, max_size=4)
    )
    def burst(self, demands: list[tuple[dict[str, str], str | None]], picks: list[int]) -> None:
        """Several things happen before the next pass."""
        for demand, pick in zip_longest(demands, picks):
            if demand is not None:
                self.create(*demand, None, 1, timedelta(0), HOUR, "ann")
            if pick is not None:
                self.make_idle(pick)

    @rule(pick=PICK)
    def deregister(self, pick: int) -> None:
        worker = self.some_worker(pick)
        if worker is not None:
            self.tell(EventKind.WORKER_DEREGISTERED, worker=worker)

    @rule(delay=st.sampled_from([timedelta(seconds=3), timedelta(seconds=30), HOUR]))
    def pass_time(self, delay: timedelta) -> None:
        self.now += delay

    def free(self) -> list[Request]:
        return [
            r
            for r in self.requests.values()
            if grantable(r, self.now) and r.id not in self.busy_requests
        ]

    def idle(self) -> list[Worker]:
        return [
            w
            for w in self.workers.values()
            if w.state is WorkerState.IDLE
            and w.unreachable_since is None
            and w.uuid not in self.busy_workers
        ]

    @rule(pick=PICK)
    def foresee(self, pick: int) -> None:
        """Who gets a worker that is about to be IDLE is who would get it then."""
        self.propose(256)
        worker = self.some_worker(pick)
        if worker is None or worker.uuid in self.busy_workers:
            return
        grant = self.index.foreseen(worker.uuid, self.now)
        ready = worker.state is WorkerState.PREPARE and worker.unreachable_since is None
        coming = [replace(worker, state=WorkerState.IDLE)] if ready else []
        expected = self.expected(self.free(), [*self.idle(), *coming])
        assert expected == ([] if grant is None else [grant])
        if grant is not None:
            self.flying.append(grant)
            self.busy_requests.add(grant.request_id)
            self.busy_workers.add(grant.worker)

    @rule(limit=st.sampled_from([1, 2, 256]))
    def propose(self, limit: int) -> None:
        """A pass: exactly what the rules say, up to its limit."""
        expected = self.expected(self.free(), self.idle())
        grants = list(self.index.proposals(self.now, limit))
        if len(expected) <= limit:
            assert grants == expected
        else:
            assert [g.request_id for g in grants] == [g.request_id for g in expected][:limit]
        for grant in grants:
            self.flying.append(grant)
            self.busy_requests.add(grant.request_id)
            self.busy_workers.add(grant.worker)

    @rule(pick=PICK, fate=st.sampled_from(["live", "opening", "refused"]), swapped=st.booleans())
    def answer(self, pick: int, fate: str, swapped: bool) -> None:
        """The writer accepts a proposal that still holds, or refuses it."""
        if not self.flying:
            return
        grant = self.flying.pop(pick % len(self.flying))
        request, worker = self.requests[grant.request_id], self.workers.get(grant.worker)
        stale = (
            worker is None
            or request.revision != grant.request_revision
            or worker.revision != grant.worker_revision
        )
        if worker is None or stale or fate == "refused":
            # A change since then has settled its side already.
            if request.revision == grant.request_revision:
                self.busy_requests.discard(request.id)
            if worker is not None and worker.revision == grant.worker_revision:
                self.busy_workers.discard(worker.uuid)
            self.index.refused(grant)
            return
        live = fate == "live"
        job = Job(
            request_id=request.id,
            worker=worker.uuid,
            epoch=worker.epoch,
            phase=JobPhase.LIVE if live else JobPhase.OPENING,
            granted=self.now,
            timeout=self.now + HOUR,
            limit=self.now + 24 * HOUR,
        )
        held = replace(
            request,
            job=job,
            state=RequestState.IN_PROGRESS if live else RequestState.WAITING,
            revision=request.revision + 1,
        )
        running = replace(worker, state=WorkerState.RUNNING, revision=worker.revision + 1)
        if swapped:
            self.tell(EventKind.WORKER_STATE, worker=running)
        self.tell(EventKind.REQUEST_STARTED, request=held)
        if not swapped:
            self.tell(EventKind.WORKER_STATE, worker=running)

    @rule(pick=PICK)
    def end(self, pick: int) -> None:
        """A job ends: an OPENING one leaves its request waiting."""
        held = [r for r in self.requests.values() if r.live_job is not None]
        if held:
            request = held[pick % len(held)]
            if self.waits(request):
                ended = replace(request, job=None, revision=request.revision + 1)
                self.tell(EventKind.REQUEST_REQUEUED, request=ended)
            else:
                assert request.job is not None
                job = replace(request.job, phase=JobPhase.ENDED, ended=self.now)
                done = replace(
                    request, job=job, state=RequestState.DONE, revision=request.revision + 1
                )
                self.tell(EventKind.REQUEST_FINISHED, request=done)

    @rule()
    def mark_orphans(self) -> None:
        """One batch is marked; batches end exactly when nobody is left to be marked."""
        ids = self.index.orphaned(2)
        assert set(ids) <= self.lost
        assert bool(ids) == bool(self.lost)
        for request_id in ids:
            self.mark(request_id, self.now)
        self.lost.difference_update(ids)

    @rule()
    def adopt_orphans(self) -> None:
        """One batch is unmarked; batches end exactly when nobody is left."""
        adoptable = {
            i
            for i, r in self.requests.items()
            if self.waits(r) and r.orphaned_since is not None and self.matching(r)
        }
        ids = self.index.adopted(2)
        assert set(ids) <= adoptable
        assert bool(ids) == bool(adoptable)
        for request_id in ids:
            self.mark(request_id, None)

    def mark(self, request_id: int, since: datetime | None) -> None:
        request = self.requests[request_id]
        marked = replace(request, orphaned_since=since, revision=request.revision + 1)
        kind = EventKind.REQUEST_ADOPTED if since is None else EventKind.REQUEST_ORPHANED
        self.tell(kind, request=marked)

    @rule(workers_first=st.booleans())
    def rebuild(self, workers_first: bool) -> None:
        """The index fell behind and is built anew, in either order."""
        before, self.index = self.index, self.make_index()
        unfinished = [r for r in self.requests.values() if not r.state.finished]
        if workers_first:
            for worker in self.workers.values():
                self.index.put_worker(worker)
        for request in unfinished:
            self.index.put_request(request)
        if not workers_first:
            for worker in self.workers.values():
                self.index.put_worker(worker)
        self.index.inherit(before.served())
        self.flying.clear()
        self.busy_requests.clear()
        self.busy_workers.clear()

    @rule(pick=PICK, groups=st.none() | GROUPS, labels=st.none() | WORKER_CAPS)
    def ask_for_orphans(
        self, pick: int, groups: tuple[str, ...] | None, labels: dict[str, str] | None
    ) -> None:
        worker = self.some_worker(pick)
        if worker is not None:
            moved = None if groups is None else replace(worker, groups=groups)
            if labels is not None:
                moved = replace(moved or worker, labels=labels)
            expected = sum(
                self.waits(r)
                and self.matching(r) == [worker]
                and (moved is None or not fits(r, moved))
                for r in self.requests.values()
            )
            assert self.index.count_orphans(worker.uuid, groups, labels) == expected

    @rule(pick=PICK)
    def explain(self, pick: int) -> None:
        request = self.some_waiting(pick)
        if request is not None:
            finding = self.index.explain(request, self.now)
            if request.live_job is not None:
                # Its board is being opened: it waits in no queue any more.
                assert (finding.cause, finding.position) == (Cause.OPENING, None)
                return
            matching = self.matching(request)
            assert finding.position == position(
                request,
                self.requests.values(),
                list(self.workers.values()),
                self.now,
                self.key,
                self.by_owner,
            )
            assert sum(finding.matching.values()) == len(matching)
            assert self.index.candidates(request) == len(matching)
            for state, count in finding.matching.items():
                assert count == sum(worker.state == state for worker in matching)
            ends = sorted(
                (r.live_job.timeout, r.live_job.worker, r.id)
                for r in self.requests.values()
                if r.live_job is not None
                and any(
                    w.uuid == r.live_job.worker and w.state is WorkerState.RUNNING for w in matching
                )
            )
            assert [(h.until, h.worker, h.request_id) for h in finding.holders] == ends[:10]

    @invariant()
    def next_valid_is_the_earliest(self) -> None:
        later = [
            r.valid_after
            for r in self.requests.values()
            if self.waits(r) and r.live_job is None and r.valid_after > self.now
        ]
        self.index.explain(make_request(10**6), self.now)
        assert self.index.next_valid() == min(later, default=None)
