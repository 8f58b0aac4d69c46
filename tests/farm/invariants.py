"""What must hold in a farm after every step, told by reading everything back."""

from collections.abc import Iterable
from datetime import timedelta

from boruta_farm.core.jobs import enforced_end
from boruta_farm.core.readying import SETTLING
from boruta_farm.core.transitions import REQUEST_TRANSITIONS, WORKER_TRANSITIONS
from boruta_farm.model.events import Event
from boruta_farm.model.job import CONFIRMED_WITHIN, JobPhase
from boruta_farm.model.listing import Paginator, RequestFilter, Sorter, WorkerFilter
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.selectors.selector import parse
from boruta_farm.testing.simulation import SimulatedFarm

TOLERANCE = timedelta(seconds=1.5)
"""Deadlines act within 1 s (I10); the rest is the second between two looks of the ticker."""


class Observer:
    """Check a farm against its promises, remembering what it saw before."""

    def __init__(self, simulated: SimulatedFarm) -> None:
        self._simulated = simulated
        self._number = 0
        self._requests: dict[int, RequestState] = {}
        self._workers: dict[str, WorkerState] = {}
        self._epochs: dict[str, int] = {}
        self.acknowledged: dict[int, RequestState] = {}
        self.finished: dict[int, RequestState] = {}

    async def check(self) -> None:
        """Raise AssertionError where a promise is broken."""
        requests, workers = await read_all(self._simulated)
        self._one_job_each(requests, workers)
        self._sessions_are_isolated(requests, workers)
        self._deadlines_act(requests)
        self._nothing_is_lost(requests)
        for worker in workers.values():
            assert worker.epoch >= self._epochs.get(worker.uuid, 0), "an epoch fell (I2)"
            self._epochs[worker.uuid] = worker.epoch
        await self._only_table_transitions()

    def _one_job_each(self, requests: dict[int, Request], workers: dict[str, Worker]) -> None:
        held: dict[str, Request] = {}
        for request in requests.values():
            job = request.live_job
            if request.state is RequestState.IN_PROGRESS:
                assert job is not None, f"{request.id} runs without a job"
                assert job.phase is JobPhase.LIVE, f"{request.id} runs with a job not LIVE"
            if job is None:
                continue
            if request.state is RequestState.WAITING:
                assert job.phase is not JobPhase.LIVE, f"{request.id} waits with a LIVE job"
            assert not request.state.finished, f"{request.id} is finished and holds a worker"
            assert job.worker not in held, f"{job.worker} is lent twice (I1)"
            held[job.worker] = request
            worker = workers[job.worker]
            assert worker.state is WorkerState.RUNNING, f"{worker.name} is held and not RUNNING"
            assert worker.epoch == job.epoch, f"{worker.name} is held in another epoch"
        for worker in workers.values():
            if worker.state is WorkerState.RUNNING:
                assert worker.uuid in held, f"{worker.name} is RUNNING for nobody"

    def _sessions_are_isolated(
        self, requests: dict[int, Request], workers: dict[str, Worker]
    ) -> None:
        """No board holds what two users left, and none is lent again before it was cleaned.

        Nobody is on a board that is still being made ready.
        """
        jobs = (request.live_job for request in requests.values())
        readying = {
            (job.worker, job.epoch)
            for job in jobs
            if job is not None and job.phase is JobPhase.READYING
        }
        for board in self._simulated.boards.values():
            assert len(board.let_in) <= 1, f"two users met on {board.uuid} (I3)"
            worker = workers.get(board.uuid)
            if worker is not None and (worker.uuid, worker.epoch) in readying:
                assert not board.let_in, f"somebody is on {board.uuid} before its hand-over"
                lost = worker.unreachable_since
                assert lost is None, f"{board.uuid} is made ready and out of reach since {lost}"
            if worker is None or worker.state is not WorkerState.IDLE:
                continue
            if self._simulated.links.fenced(board.uuid) is None:
                continue
            assert board.cleaned == worker.epoch, f"{board.uuid} is IDLE and not clean (I3)"
            assert not board.let_in, f"{board.uuid} is IDLE with somebody's leftovers (I3)"

    def _deadlines_act(self, requests: dict[int, Request]) -> None:
        late = self._simulated.clock.now() - TOLERANCE
        for request in requests.values():
            job = request.live_job
            if request.state is RequestState.WAITING:
                assert request.deadline > late, f"{request.id} outlived its deadline (I10)"
            if job is not None and job.phase is JobPhase.READYING:
                limit = job.granted + self._simulated.settings.ready_timeout
                since = self._simulated.started
                assert max(limit, since) + SETTLING > late, f"{request.id} is never ready (I17)"
            if job is not None and job.phase is JobPhase.LIVE:
                confirmed = not job.unconfirmed or job.granted + CONFIRMED_WITHIN > late
                assert confirmed, f"{request.id} runs on a board that did not confirm it (I21)"
                end = enforced_end(job, self._simulated.settings)
                assert end > late, f"{request.id} outlived its job's end (I10)"
                kept = job.keep_alive_until
                assert kept is None or kept > late, f"{request.id} outlived its KeepAlive"

    def _nothing_is_lost(self, requests: dict[int, Request]) -> None:
        for request_id in self.acknowledged:
            assert request_id in requests, f"acknowledged request {request_id} is gone (I6)"
        for request_id, state in self.finished.items():
            assert requests[request_id].state is state, f"finished request {request_id} moved (I9)"
        for request in requests.values():
            if request.state.finished:
                self.finished[request.id] = request.state

    async def _only_table_transitions(self) -> None:
        while events := await self._simulated.store.events(self._number, 1000):
            for event in events:
                assert event.number == self._number + 1, "the journal has a gap"
                self._number = event.number
                self._follow(event)

    def _follow(self, event: Event) -> None:
        if event.request_id is not None:
            state = RequestState(str(event.state))
            before = self._requests.get(event.request_id)
            assert before in (None, state) or state in REQUEST_TRANSITIONS[before], event
            self._requests[event.request_id] = state
        elif event.worker is not None:
            now = WorkerState(str(event.state))
            was = self._workers.get(event.worker)
            assert was in (None, now) or now in WORKER_TRANSITIONS[was], (was, event)
            self._workers[event.worker] = now
            if event.kind.value == "worker.deregistered":
                del self._workers[event.worker]


async def read_all(simulated: SimulatedFarm) -> tuple[dict[int, Request], dict[str, Worker]]:
    """Return every request and worker as committed."""
    requests = await simulated.store.list_requests(RequestFilter(), Sorter(), Paginator())
    workers = await simulated.store.list_workers(WorkerFilter(), Sorter(item="uuid"), Paginator())
    return {r.id: r for r in requests.items}, {w.uuid: w for w in workers.items}


def unserved(requests: Iterable[Request], workers: Iterable[Worker]) -> list[tuple[int, str]]:
    """Return waiting requests and idle workers that should have found each other."""
    idle = [w for w in workers if w.state is WorkerState.IDLE and w.unreachable_since is None]
    return [
        (request.id, worker.name)
        for request in requests
        if request.state is RequestState.WAITING and request.live_job is None
        for worker in idle
        if request.required.items() <= worker.caps.items()
        and (request.selector is None or parse(request.selector).matches(worker.caps))
    ]
