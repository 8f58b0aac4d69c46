"""What boards answer to a grant: they know of the job, have let a key in, refuse it, or nothing."""

from dataclasses import replace
from datetime import datetime, timedelta

from boruta_farm.core.ending import end_job, requeued, wait_again
from boruta_farm.core.jobs import is_unseen, job_of, kept_until
from boruta_farm.core.plan import KeySaved, Plan, RequestSaved
from boruta_farm.core.rights import lapse
from boruta_farm.core.transitions import move_request
from boruta_farm.core.world import World
from boruta_farm.model.errors import StaleEpochError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import Fence, SessionKey, WorkerState


def opened(
    world: World, uuid: str, epoch: int, now: datetime, began: datetime | None = None
) -> Plan[None]:
    """Start the job whose own key the agent has installed. Raises StaleEpochError.

    Its length counts from the hand-over: ``began`` is when the agent was told of it. Whether its
    owner may still be lent the board is for ``judging.opened``.
    """
    request, job = job_of(world, uuid, epoch)
    if job.phase is not JobPhase.OPENING:
        raise StaleEpochError
    opening = max(min(began or now, now) - job.granted, timedelta())
    live = replace(
        job,
        phase=JobPhase.LIVE,
        timeout=job.timeout + opening,
        limit=job.limit + opening,
        keep_alive_until=kept_until(request, now),
        unconfirmed=False,
    )
    started = replace(move_request(request, RequestState.IN_PROGRESS, now), job=live)
    key = SessionKey(worker=uuid, epoch=epoch, public=request.ssh_key or "", sealed=None)
    return Plan(
        answer=None,
        steps=(
            KeySaved(key=key),
            RequestSaved(request=started, kind=EventKind.REQUEST_STARTED),
        ),
    )


def confirmed(world: World, uuid: str, epoch: int) -> Plan[None]:
    """Note that the board knows of its job. Raises StaleEpochError."""
    request, job = job_of(world, uuid, epoch)
    if not job.unconfirmed:
        return Plan(answer=None)
    known = replace(job, unconfirmed=False)
    saved = replace(request, job=known, revision=request.revision + 1)
    return Plan(answer=None, steps=(RequestSaved(request=saved, kind=EventKind.REQUEST_UPDATED),))


def unconfirmed(
    world: World, uuid: str, epoch: int, now: datetime, reason: str, *, used: bool
) -> Plan[None]:
    """Take a job back that its board did not confirm; the board is to be proved clean (I21).

    The request waits on in its place while certainly nobody has had the board; otherwise, when the
    tunnel was ``used``, and when its owner may be lent no other board, it fails. Raises
    StaleEpochError.
    """
    request, job = job_of(world, uuid, epoch)
    if job.phase is not JobPhase.LIVE or not job.unconfirmed:
        raise StaleEpochError
    worker = world.worker(uuid)
    if worker is None:
        raise StaleEpochError
    unfenced = worker.fence is Fence.NONE
    # What was said of the board stays: it is not blamed for having been granted in a hurry.
    to = WorkerState.FAILED if unfenced else None
    unseen = is_unseen(job) and not used
    lapsed = lapse(world.account(request.owner), request)
    if unseen and lapsed is None:
        waiting, steps = end_job(world, request, now, reason, requeue=True, to=to)
        return Plan(answer=None, steps=(*steps, wait_again(waiting, now, reason)))
    used_words = "its key had been handed out or its tunnel used; file the request again"
    why = f"{worker.name} did not confirm the job ({reason}), and {lapsed or used_words}"
    over, steps = end_job(world, request, now, why, to=to)
    failed = RequestSaved(
        request=move_request(over, RequestState.FAILED, now, why), kind=EventKind.REQUEST_FINISHED
    )
    return Plan(answer=None, steps=(*steps, failed))


def opening_failed(world: World, uuid: str, epoch: int, now: datetime, reason: str) -> Plan[None]:
    """Abort an OPENING job whose key was not installed: the worker fails, the request waits on.

    Raises StaleEpochError.
    """
    request, job = job_of(world, uuid, epoch)
    if job.phase is not JobPhase.OPENING:
        raise StaleEpochError
    waiting, steps = end_job(world, request, now, reason, requeue=True, to=WorkerState.FAILED)
    return Plan(answer=None, steps=(*steps, requeued(waiting)))


def key_refused(world: World, uuid: str, epoch: int, now: datetime, reason: str) -> Plan[None]:
    """Fail the request whose own key its board refused; the board is cleaned as after any job.

    Raises StaleEpochError.
    """
    request, job = job_of(world, uuid, epoch)
    if job.phase is not JobPhase.OPENING:
        raise StaleEpochError
    worker = world.worker(uuid)
    name = uuid if worker is None else worker.name
    why = (
        f"{name} refused what the request brought: {reason}; file it again with another SSHKey, "
        "or without one"
    )
    over, steps = end_job(world, request, now, why, requeue=True)
    failed = RequestSaved(
        request=move_request(over, RequestState.FAILED, now, why), kind=EventKind.REQUEST_FINISHED
    )
    return Plan(answer=None, steps=(*steps, failed))
