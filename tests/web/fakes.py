"""A farm in memory, just true enough for the API in front of it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.web.pages import cut

from boruta_farm.core.calendar import one_month_after
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    DeadlineInPastError,
    ForbiddenStateError,
    IdempotencyError,
    NotDeregisterableError,
    PriorityError,
    RequestNotFoundError,
    RequestStateError,
    SortItemError,
    TimeRangeError,
    WorkerNotAssignedError,
    WorkerNotFoundError,
    WorkerTransitionError,
)
from boruta_farm.model.explanation import (
    Absent,
    Cause,
    Explanation,
    Filed,
    Forecast,
    Guess,
    Holder,
    JobLimit,
    Lack,
    NearMiss,
)
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.listing import (
    Page,
    Paginator,
    RequestFilter,
    Sorter,
    SortOrder,
    WorkerFilter,
)
from boruta_farm.model.request import NewRequest, Request, RequestState, RequestUpdate
from boruta_farm.model.worker import AccessInfo, Fence, Worker, WorkerChange, WorkerState

NOW = datetime(2026, 11, 23, 20, 7, 42, 739845, tzinfo=UTC)
KEY = "-----BEGIN RSA PRIVATE KEY-----\nbm90IGEga2V5\n-----END RSA PRIVATE KEY-----\n"


class FixedClock:
    """Stand still until told otherwise."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


class FakeRequests:
    """Requests that get the first idle worker with their capabilities at once."""

    def __init__(self, clock: FixedClock, workers: "FakeWorkers") -> None:
        self.clock = clock
        self.workers = workers
        self.kept: dict[int, Request] = {}
        self.creations: dict[str, tuple[str | None, int]] = {}
        self.ids = count(1)
        self.waits: list[timedelta | None] = []
        self.changed = asyncio.Event()
        self.asked = asyncio.Event()
        self.seen: list[NewRequest] = []
        self.filters: list[RequestFilter | None] = []
        workers.lost = self.fail

    async def new_request(self, caller: Caller, new: NewRequest) -> Filed:
        if new.idempotency_key is not None and new.idempotency_key in self.creations:
            body_hash, request_id = self.creations[new.idempotency_key]
            if body_hash != new.body_hash:
                raise IdempotencyError
            return self._filed(request_id)
        now = self.clock.now()
        if not 1 <= new.priority <= 16:
            raise PriorityError
        if new.deadline is not None and new.deadline < now:
            raise DeadlineInPastError
        if new.valid_after and new.deadline and new.valid_after > new.deadline:
            raise TimeRangeError
        request = Request(
            id=next(self.ids),
            owner=caller.name,
            owner_groups=caller.groups,
            priority=new.priority,
            valid_after=new.valid_after or now,
            deadline=new.deadline or one_month_after(max(new.valid_after or now, now)),
            state=RequestState.WAITING,
            caps=new.caps,
            created=now,
            ssh_key=new.ssh_key,
            keep_alive=new.keep_alive,
        )
        if new.idempotency_key is not None:
            self.creations[new.idempotency_key] = (new.body_hash, request.id)
        self.seen.append(new)
        self.kept[request.id] = request
        self.match(request)
        return self._filed(request.id)

    def _filed(self, request_id: int) -> Filed:
        return Filed(id=request_id, outlook=self._explained(request_id))

    def match(self, request: Request) -> None:
        """Grant the request the first worker that fits."""
        for worker in self.workers.kept.values():
            fits = request.required.items() <= worker.caps.items()
            if fits and worker.state is WorkerState.IDLE:
                now = self.clock.now()
                job = Job(
                    request_id=request.id,
                    worker=worker.uuid,
                    epoch=worker.epoch,
                    phase=JobPhase.LIVE,
                    granted=now,
                    timeout=now + timedelta(hours=1),
                    limit=now + timedelta(hours=24),
                )
                self.workers.move(worker, WorkerState.RUNNING)
                self.kept[request.id] = replace(request, state=RequestState.IN_PROGRESS, job=job)
                self.changed.set()
                return

    def fail(self, uuid: str) -> None:
        """End the job on a worker that is taken away."""
        for request in self.kept.values():
            if request.live_job and request.live_job.worker == uuid:
                self.finish(request, RequestState.FAILED)
                return

    def finish(self, request: Request, state: RequestState) -> None:
        """Put a request into a final state."""
        job = request.job and replace(request.job, phase=JobPhase.ENDED)
        self.kept[request.id] = replace(request, state=state, finished=self.clock.now(), job=job)
        self.changed.set()

    async def get_request_info(self, caller: Caller, request_id: int) -> Request:
        if request_id not in self.kept:
            raise RequestNotFoundError
        return self.kept[request_id]

    async def close_request(self, caller: Caller, request_id: int) -> None:
        request = await self.get_request_info(caller, request_id)
        if request.state.finished:
            raise RequestStateError
        if request.job is None:
            self.finish(request, RequestState.CANCELLED)
        else:
            self.finish(request, RequestState.DONE)
            self.workers.move(self.workers.kept[request.job.worker], WorkerState.IDLE)

    async def update_request(self, caller: Caller, request_id: int, update: RequestUpdate) -> None:
        if update == RequestUpdate():
            return
        request = await self.get_request_info(caller, request_id)
        if request.state is not RequestState.WAITING:
            raise RequestStateError
        if update.priority is not None and not 1 <= update.priority <= 16:
            raise PriorityError
        deadline = update.deadline or request.deadline
        if update.valid_after is not None and update.valid_after > deadline:
            raise TimeRangeError
        self.kept[request_id] = replace(
            request,
            priority=update.priority or request.priority,
            deadline=deadline,
            valid_after=update.valid_after or request.valid_after,
        )

    async def list_requests(
        self,
        caller: Caller,
        where: RequestFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Request]:
        self.filters.append(where)
        where = where or RequestFilter()
        sorter = sorter or Sorter()
        paginator = paginator or Paginator()
        item = {"id": "id", "priority": "priority", "state": "state", "deadline": "deadline"}.get(
            sorter.item.lower(), "valid_after" if sorter.item.lower() == "validafter" else None
        )
        if item is None:
            raise SortItemError
        border = paginator.border
        if border is not None and border not in self.kept:
            raise RequestNotFoundError
        ordered = sorted(
            self.kept.values(),
            key=lambda request: (getattr(request, item), request.id),
            reverse=sorter.order is SortOrder.DESCENDING,
        )
        return cut(ordered, lambda request: request.id, where_request(where), paginator)

    async def acquire_worker(
        self, caller: Caller, request_id: int, wait: timedelta | None = None
    ) -> AccessInfo:
        self.waits.append(wait)
        self.asked.set()
        request = await self.get_request_info(caller, request_id)
        while wait and request.state is RequestState.WAITING:
            self.changed.clear()
            await self.changed.wait()
            request = self.kept[request_id]
        job = request.live_job
        if job is None:
            raise WorkerNotAssignedError
        worker = self.workers.kept[job.worker]
        key = "" if request.ssh_key else KEY
        return AccessInfo(
            ip="",
            port=worker.port,
            key=key,
            username=worker.username,
            host_key=worker.host_key,
        )

    async def prolong_access(self, caller: Caller, request_id: int) -> datetime:
        request = await self.get_request_info(caller, request_id)
        if request.job is None or request.live_job is None:
            raise WorkerNotAssignedError
        job = replace(request.job, timeout=self.clock.now() + timedelta(hours=1))
        self.kept[request_id] = replace(request, job=job)
        return job.timeout

    async def keep_alive(self, caller: Caller, request_id: int) -> None:
        request = await self.get_request_info(caller, request_id)
        if request.live_job is None:
            raise WorkerNotAssignedError

    async def explain(self, caller: Caller, request_id: int, *, brief: bool = False) -> Explanation:
        await self.get_request_info(caller, request_id)
        return self._explained(request_id)

    def _explained(self, request_id: int) -> Explanation:
        request = self.kept[request_id]
        holder = Holder(worker="w", name="board-1", request_id=7, owner="ann", until=NOW)
        return Explanation(
            request_id=request_id,
            state=request.state.value,
            position=1,
            matching={"RUNNING": 1},
            holders=(holder,),
            cause=Cause.BUSY,
            absent=(
                Absent(
                    worker="v",
                    name="board-2",
                    state="FAILED",
                    reason="fan",
                    unreachable_since=NOW,
                ),
            ),
            lacking={"hdmi=yes": 3},
            other_groups=2,
            groups=("ci",),
            wanted=("hdmi=yes",),
            unknown=("hdmi=yes",),
            guesses=(Guess(given="ye", meant=("yes",), capability="hdmi"),),
            without={"hdmi=yes": 4},
            near_miss=NearMiss(
                worker="x",
                name="board-3",
                lacks=(Lack(name="hdmi", wanted="hdmi=yes", has=None, barred=False),),
            ),
            registered=9,
            limit=JobLimit(kind="owner", name="ann", held=2, allowed=2),
            policy="priority, then order of filing",
            decided="priority",
            forecast=Forecast(earliest=NOW, latest=NOW + timedelta(hours=1), hits=43, of=50),
        )


class FakeWorkers:
    """Workers whose boards are prepared as soon as somebody looks away."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.kept: dict[str, Worker] = {}
        self.lost: Callable[[str], None] = lambda uuid: None
        self.calls: list[tuple[object, ...]] = []

    def register(self, uuid: str, name: str, caps: Mapping[str, str]) -> None:
        """Make a board known."""
        self.kept[uuid] = Worker(
            uuid=uuid,
            name=name,
            state=WorkerState.MAINTENANCE,
            since=self.clock.now(),
            caps={"UUID": uuid, **caps},
            groups=(),
            epoch=1,
            fence=Fence.AGENT,
            dryad_address="192.0.2.9:7175",
            ssh_address="192.0.2.9:22",
            port=20000 + len(self.kept),
            registered=self.clock.now(),
        )

    def settle(self) -> None:
        """Finish every preparation."""
        for worker in tuple(self.kept.values()):
            if worker.state is WorkerState.PREPARE:
                self.move(worker, WorkerState.IDLE)

    def move(self, worker: Worker, state: WorkerState) -> None:
        """Put a worker into a state."""
        self.kept[worker.uuid] = replace(worker, state=state)

    async def get_worker_info(self, caller: Caller, worker: str) -> Worker:
        for known in self.kept.values():
            if worker in (known.uuid, known.name):
                return known
        raise WorkerNotFoundError

    async def list_workers(
        self,
        caller: Caller,
        where: WorkerFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Worker]:
        where = where or WorkerFilter()
        sorter = sorter or Sorter(item="uuid")
        paginator = paginator or Paginator()
        if sorter.item.lower() not in ("uuid", "state", "groups", "name"):
            raise SortItemError
        if paginator.border is not None and paginator.border not in self.kept:
            raise WorkerNotFoundError("worker not found")
        ordered = sorted(
            self.kept.values(),
            key=lambda worker: (getattr(worker, sorter.item.lower()), worker.uuid),
            reverse=sorter.order is SortOrder.DESCENDING,
        )
        return cut(ordered, lambda worker: worker.uuid, where_worker(where), paginator)

    async def set_state(
        self,
        caller: Caller,
        worker: str,
        state: WorkerState,
        reason: str | None = None,
        after_job: bool = False,
    ) -> None:
        self.calls.append(("set_state", worker, state, reason, after_job))
        if state not in (WorkerState.IDLE, WorkerState.MAINTENANCE):
            raise ForbiddenStateError
        known = await self.get_worker_info(caller, worker)
        if state is WorkerState.MAINTENANCE:
            self.lost(known.uuid)
            self.move(known, state)
        elif known.state is WorkerState.MAINTENANCE:
            self.move(known, WorkerState.PREPARE)
        else:
            raise WorkerTransitionError

    async def set_groups(self, caller: Caller, worker: str, groups: tuple[str, ...]) -> None:
        known = await self.get_worker_info(caller, worker)
        self.kept[known.uuid] = replace(known, groups=groups)

    async def set_name(self, caller: Caller, worker: str, name: str) -> None:
        known = await self.get_worker_info(caller, worker)
        self.kept[known.uuid] = replace(known, name=name)

    async def describe(self, caller: Caller, worker: str, change: WorkerChange) -> None:
        known = await self.get_worker_info(caller, worker)
        given = {
            name: value
            for name in ("labels", "notes", "photo")
            if (value := getattr(change, name)) is not None
        }
        self.kept[known.uuid] = replace(known, **given)

    async def revoke_agent(self, caller: Caller, worker: str) -> None:
        known = await self.get_worker_info(caller, worker)
        self.kept[known.uuid] = replace(known, credential_since=None)

    async def deregister(self, caller: Caller, worker: str) -> None:
        known = await self.get_worker_info(caller, worker)
        if known.state not in (WorkerState.MAINTENANCE, WorkerState.FAILED):
            raise NotDeregisterableError
        del self.kept[known.uuid]

    async def count_orphans(
        self,
        caller: Caller,
        worker: str,
        groups: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        await self.get_worker_info(caller, worker)
        self.calls.append(("count_orphans", worker, groups))
        return 3


def where_request(where: RequestFilter) -> Callable[[Request], bool]:
    """Return the filter as a function."""
    return lambda request: (
        (where.ids is None or request.id in where.ids)
        and (where.priorities is None or request.priority in where.priorities)
        and (where.states is None or request.state in where.states)
        and (
            where.finished_after is None
            or request.finished is None
            or request.finished > where.finished_after
        )
    )


def where_worker(where: WorkerFilter) -> Callable[[Worker], bool]:
    """Return the filter as a function."""
    return lambda worker: (
        (where.caps is None or where.caps.items() <= worker.caps.items())
        and (where.groups is None or not set(where.groups).isdisjoint(worker.groups))
        and (where.states is None or worker.state in where.states)
    )
