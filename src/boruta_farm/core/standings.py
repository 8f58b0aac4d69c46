"""How requests and workers stand, told with refusals and explanations."""

from datetime import datetime, timedelta

from boruta_farm.core.world import World
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.readiness import BEGINNING
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.standing import Standing, Subject
from boruta_farm.model.worker import Worker


def request_standing(
    request: Request,
    worker: str | None,
    longest: timedelta | None = None,
    latest: datetime | None = None,
) -> Standing:
    """Tell how a request stands; ``worker`` names the board that it has, or is being given."""
    job = request.live_job
    running = request.state is RequestState.IN_PROGRESS and job is not None
    readying = job is not None and job.phase is JobPhase.READYING
    return Standing(
        subject=Subject.REQUEST,
        state=request.state.value,
        request_id=request.id,
        worker=worker,
        since=job.granted if running and job is not None else request.finished,
        until=job.timeout if running and job is not None else None,
        longest=longest,
        latest=latest,
        progress=(job.progress or BEGINNING) if readying and job is not None else None,
        reason=request.reason,
    )


def standing_of(world: World, request: Request) -> Standing:
    """Tell how a request stands, its board by name."""
    job = request.live_job
    worker = None if job is None else world.worker(job.worker)
    return request_standing(request, None if worker is None else worker.name)


def limited_standing(world: World, request: Request, job: Job) -> Standing:
    """Tell how a running request stands whose job cannot become as long as was asked."""
    worker = world.worker(job.worker)
    name = None if worker is None else worker.name
    return request_standing(request, name, job.limit - job.granted, job.limit)


def worker_standing(world: World, worker: Worker) -> Standing:
    """Tell how a worker stands, and to which request it is lent."""
    holder = world.holder(worker.uuid)
    job = None if holder is None else holder.live_job
    return Standing(
        subject=Subject.WORKER,
        state=worker.state.value,
        request_id=None if holder is None or job is None else holder.id,
        worker=worker.name,
        since=worker.since,
        until=None if job is None else job.timeout,
        reason=worker.reason,
        unreachable_since=worker.unreachable_since,
    )
