"""How a request's hold on a worker ends, whatever the cause."""

from dataclasses import replace
from datetime import datetime

from boruta_farm.core.plan import JobSaved, KeyErased, RequestSaved, Step, WorkerSaved
from boruta_farm.core.transitions import move_request, move_worker
from boruta_farm.core.world import World
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.words.worker import OUT_OF_REACH


def end_job(
    world: World,
    request: Request,
    now: datetime,
    reason: str,
    *,
    requeue: bool = False,
    to: WorkerState | None = None,
) -> tuple[Request, tuple[Step, ...]]:
    """Take the worker back from a request's live job.

    Returns the request, not yet saved, with the ended job (without any when ``requeue``), and
    the steps for job, key and worker. The worker goes ``to`` a given state; by default to
    PREPARE, to BUSY when maintenance was asked for after the job, to FAILED when its agent is
    out of reach.
    """
    job = request.live_job
    worker = world.worker(job.worker) if job is not None else None
    if job is None or worker is None:
        return request, ()
    over = replace(
        job,
        phase=JobPhase.ENDED,
        ended=now,
        wanted_timeout=None,
        keys=(),
        staying=(),
        keys_pending=None,
    )
    steps: list[Step] = [KeyErased(worker=job.worker, epoch=job.epoch)]
    if requeue:
        steps.append(JobSaved(job=over))
    if not requeue:
        worker = replace(worker, borrower=None)
    next_worker = _released(worker, now, reason, to)
    steps.append(WorkerSaved(worker=next_worker, kind=EventKind.WORKER_STATE))
    return replace(request, job=None if requeue else over), tuple(steps)


def finished_early(
    world: World, request: Request, state: RequestState, now: datetime, reason: str
) -> tuple[Step, ...]:
    """Return what ends a request in a final state, and takes its worker back if it holds one."""
    steps: list[Step] = []
    if request.live_job is not None:
        requeue = request.state is RequestState.WAITING
        request, steps_of_job = end_job(world, request, now, reason, requeue=requeue)
        steps.extend(steps_of_job)
    finished = move_request(request, state, now, reason)
    steps.append(RequestSaved(request=finished, kind=EventKind.REQUEST_FINISHED))
    return tuple(steps)


def requeued(request: Request) -> RequestSaved:
    """Return the step that puts a request without its aborted job back into the queue."""
    waiting = replace(request, revision=request.revision + 1)
    return RequestSaved(request=waiting, kind=EventKind.REQUEST_REQUEUED)


def wait_again(request: Request, now: datetime, reason: str) -> RequestSaved:
    """Return the step that puts a running request, its job taken off, back into its place."""
    waiting = move_request(request, RequestState.WAITING, now, reason)
    return RequestSaved(request=waiting, kind=EventKind.REQUEST_REQUEUED)


def _released(worker: Worker, now: datetime, reason: str, to: WorkerState | None) -> Worker:
    if to is not None:
        return move_worker(worker, to, now, reason)
    if worker.borrower is not None:
        # The one that it is for waits again: nobody has had it.
        return move_worker(worker, WorkerState.PREPARE, now, worker.reason)
    if worker.after_job:
        return move_worker(worker, WorkerState.BUSY, now, worker.reason)
    if worker.unreachable_since is not None:
        return move_worker(worker, WorkerState.FAILED, now, OUT_OF_REACH)
    return move_worker(worker, WorkerState.PREPARE, now)
