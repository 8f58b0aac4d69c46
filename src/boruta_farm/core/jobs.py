"""What happens to jobs: granted, opened, prolonged, ended."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from boruta_farm.core.demands import takes_any_board
from boruta_farm.core.ending import end_job, finished_early, requeued
from boruta_farm.core.permissions import check_access, check_request
from boruta_farm.core.plan import (
    Noted,
    Plan,
    RequestSaved,
    Step,
    WorkerSaved,
)
from boruta_farm.core.rights import lapse, limits_of, served
from boruta_farm.core.sharing import session_keys, with_keys
from boruta_farm.core.standings import limited_standing, standing_of
from boruta_farm.core.transitions import move_request, move_worker
from boruta_farm.core.world import World
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.caller import Caller, serves
from boruta_farm.model.errors import (
    BoardActError,
    InvalidError,
    ProlongLimitError,
    RequestNotFoundError,
    StaleEpochError,
    StaleProposalError,
    WorkerNotAssignedError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.permission import Permission
from boruta_farm.model.request import LONGEST_ACT, MoreTime, OwedEnd, Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.selectors.selector import parse
from boruta_farm.words.durations import duration

PLAIN_PROLONGING = MoreTime()
"""As the original does it: to now plus the request's own length."""


class Grant(NamedTuple):
    """Propose to give a worker to a request, both as they were when it was proposed.

    A tuple, since every match makes one and looks it up several times.
    """

    request_id: int
    request_revision: int
    worker: str
    worker_revision: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prolongation:
    """Tell which end the agent has to store before a job's timeout may move.

    ``asked`` is when that was decided, ``present`` the end so far, and ``ssh_key`` the caller's own
    key, if any: the agent may not have heard of the grant yet.
    """

    worker: str
    epoch: int
    sequence: int
    asked: datetime
    timeout: datetime
    present: datetime
    fence: Fence
    ssh_key: str | None


def enforced_end(job: Job, settings: FarmSettings) -> datetime:
    """Return when server and relay end a job that its agent should have ended (I4)."""
    length = job.timeout - job.granted
    return job.timeout + settings.slack + length * settings.slack_ratio


def grant(world: World, proposal: Grant, now: datetime) -> Plan[None]:
    """Give an idle, prepared worker to a waiting request.

    What the owner may do is judged as it is now, not as it was when he filed.
    Raises StaleProposalError when anything the proposal stood on has changed.
    """
    worker = world.worker(proposal.worker)
    request = None if worker is None else receiver(world, proposal, worker, now)
    if request is None or worker is None:
        raise StaleProposalError
    return Plan(answer=None, steps=lend(world, request, worker, now))


def receiver(world: World, proposal: Grant, worker: Worker, now: datetime) -> Request | None:
    """Return the request that a worker was proposed for, None when it may not have it any more."""
    request = world.request(proposal.request_id)
    if request is None or not _still_true(proposal, request, worker, now):
        return None
    account = world.account(request.owner)
    if lapse(account, request) is not None or not served(worker, request, account):
        return None
    return request


def lend(world: World, request: Request, worker: Worker, now: datetime) -> tuple[Step, ...]:
    """Return what gives an IDLE worker to a waiting request, both judged already.

    One that is borrowed leaves service again when the job is over.
    """
    length, longest = lengths(world, request)
    job = Job(
        request_id=request.id,
        worker=worker.uuid,
        epoch=worker.epoch,
        phase=JobPhase.READYING,
        granted=now,
        timeout=now + length,
        limit=now + longest,
        unconfirmed=True,
    )
    job = with_keys(job, session_keys(request, worker, world.account))
    running = move_worker(worker, WorkerState.RUNNING, now, worker.reason)
    running = replace(running, after_job=running.borrowed_from is not None)
    if request.readiness is None:
        held = handed_over(request, job, now)
    else:
        waiting = replace(request, job=job, revision=request.revision + 1)
        held = RequestSaved(request=waiting, kind=EventKind.REQUEST_READYING)
    return (
        held,
        WorkerSaved(worker=running, kind=EventKind.WORKER_STATE),
    )


def handed_over(request: Request, job: Job, now: datetime) -> RequestSaved:
    """Return the step that lets the caller have a board which is as the request wants it.

    With the caller's own key the job is OPENING until the board has taken that.
    """
    if request.ssh_key is not None:
        job = replace(job, phase=JobPhase.OPENING)
        held = replace(request, job=job, revision=request.revision + 1)
        return RequestSaved(request=held, kind=EventKind.REQUEST_OPENING)
    job = replace(job, phase=JobPhase.LIVE, keep_alive_until=kept_until(request, now))
    held = replace(move_request(request, RequestState.IN_PROGRESS, now), job=job)
    return RequestSaved(request=held, kind=EventKind.REQUEST_STARTED)


def lengths(world: World, request: Request) -> tuple[timedelta, timedelta]:
    """Return how long a job lasts at first, and at most with all prolongations.

    What the request asks for is bounded by what its owner may have now.
    """
    settings = world.settings
    longest = settings.job_limit
    length = min(request.length or settings.job_timeout, longest)
    if request.owner_groups is not None:
        limits = limits_of(world, request.owner)
        if limits.job_time is not None:
            length = min(length, limits.job_time)
        if limits.prolong_time is not None:
            longest = min(longest, length + limits.prolong_time)
    return length, longest


def read_key(
    world: World, caller: Caller, request_id: int, epoch: int, *, again: bool = False
) -> Plan[None]:
    """Enter into the audit that a job's access data is handed out, while the job lives.

    Whoever it is shared with has no private key of it, but his own. The job remembers it, since a
    private key that nobody has seen may serve again. ``again`` tells that this very hand-out has
    been entered already: whoever polls fills no audit. Raises ForbiddenError,
    RequestNotFoundError, WorkerNotAssignedError.
    """
    request = world.request(request_id)
    if request is None:
        raise RequestNotFoundError
    shared = caller.id in request.shared
    if not shared:
        check_access(caller, request, world.group)
    job = request.live_job
    if job is None or job.epoch != epoch:
        raise WorkerNotAssignedError(standing=standing_of(world, request))
    note = Note(
        actor=caller.name,
        source=caller.source,
        action=Action.ACCESS_READ if shared else Action.KEY_READ,
        subject=f"request {request_id}",
        detail={"owner": request.owner_name, "worker": job.worker, "epoch": str(epoch)},
    )
    if shared or job.key_read:
        return Plan(answer=None, steps=() if again else (Noted(note=note),))
    marked = replace(request, job=replace(job, key_read=True), revision=request.revision + 1)
    saved = RequestSaved(request=marked, kind=EventKind.REQUEST_UPDATED)
    return Plan(answer=None, steps=(saved, Noted(note=note)))


def note_act(world: World, caller: Caller, request_id: int, act: str) -> Plan[None]:
    """Enter what somebody says he is about to do on the board of his running request.

    Raises BoardActError, RequestNotFoundError, ForbiddenError, WorkerNotAssignedError.
    """
    if not 0 < len(act) <= LONGEST_ACT or not act.isprintable():
        raise BoardActError
    request = world.request(request_id)
    if request is None:
        raise RequestNotFoundError
    check_request(caller, request, Permission.NOTE_ACTS)
    _, job = _live_job(world, request_id)
    note = Note(
        actor=caller.name,
        source=caller.source,
        action=Action.REQUEST_ACT,
        subject=f"request {request_id}",
        detail={"act": act, "worker": job.worker, "epoch": str(job.epoch)},
    )
    return Plan(answer=None, steps=(Noted(note=note),))


def is_unseen(job: Job) -> bool:
    """Tell whether certainly nobody has had the board: unconfirmed, its key not handed out."""
    return job.unconfirmed and not job.key_read


def want_prolongation(
    world: World,
    request_id: int,
    now: datetime,
    wish: MoreTime = PLAIN_PROLONGING,
    *,
    waited: bool = False,
) -> Plan[Prolongation]:
    """Commit the intent to move a job's end as wished, within its limit; never to an earlier one.

    Boards without a fence cannot confirm, so for them the end moves at once. Raises
    RequestNotFoundError, WorkerNotAssignedError, ProlongLimitError, InvalidError.
    """
    request, job = _live_job(world, request_id)
    worker = world.worker(job.worker)
    if worker is None:
        raise WorkerNotAssignedError(standing=standing_of(world, request))
    wanted = _wanted_end(world, request, job, wish, now)
    changed = replace(
        job,
        prolong_seq=job.prolong_seq + 1,
        wanted_timeout=wanted,
        waited=job.waited or waited,
    )
    kind = EventKind.REQUEST_UPDATED
    if worker.fence is Fence.NONE:
        changed = _confirmed(request, changed, now)
        kind = EventKind.REQUEST_PROLONGED
    saved = replace(request, job=changed, revision=request.revision + 1)
    answer = Prolongation(
        worker=job.worker,
        epoch=job.epoch,
        sequence=changed.prolong_seq,
        asked=now,
        timeout=wanted,
        present=job.timeout,
        fence=worker.fence,
        ssh_key=request.ssh_key,
    )
    return Plan(answer=answer, steps=(RequestSaved(request=saved, kind=kind),))


def _wanted_end(
    world: World, request: Request, job: Job, wish: MoreTime, now: datetime
) -> datetime:
    """Return the end that is wished for.

    An exact wish is met or refused; the original's call, which names none, gets what there is.
    """
    if wish.length is not None and wish.until is not None:
        raise InvalidError("a job is prolonged by a Length or Until a moment, not by both")
    if wish.length is not None:
        wanted = job.timeout + wish.length
    elif wish.until is not None:
        wanted = wish.until
    elif job.timeout < job.limit:
        wanted = min(now + lengths(world, request)[0], job.limit)
    else:
        raise ProlongLimitError(standing=limited_standing(world, request, job))
    if wanted > max(job.limit, job.timeout):
        raise ProlongLimitError(standing=limited_standing(world, request, job))
    return max(wanted, job.timeout)


def prolonged(world: World, uuid: str, epoch: int, sequence: int, now: datetime) -> Plan[datetime]:
    """Move a job's end to the one its agent has stored; repeats change nothing.

    Raises StaleEpochError when the job is over or a newer intent replaced this one.
    """
    request, job = job_of(world, uuid, epoch)
    if job.phase is not JobPhase.LIVE or job.prolong_seq != sequence:
        raise StaleEpochError
    if job.wanted_timeout is None:
        return Plan(answer=job.timeout)
    changed = replace(_confirmed(request, job, now), unconfirmed=False)
    saved = replace(request, job=changed, revision=request.revision + 1)
    return Plan(
        answer=changed.timeout,
        steps=(RequestSaved(request=saved, kind=EventKind.REQUEST_PROLONGED),),
    )


def keep_alive(world: World, request_id: int, now: datetime) -> Plan[None]:
    """Renew a job's KeepAlive. Raises RequestNotFoundError, WorkerNotAssignedError."""
    request, job = _live_job(world, request_id)
    if request.keep_alive is None:
        return Plan(answer=None)
    changed = replace(job, keep_alive_until=kept_until(request, now))
    saved = replace(request, job=changed, revision=request.revision + 1)
    return Plan(answer=None, steps=(RequestSaved(request=saved, kind=EventKind.REQUEST_UPDATED),))


def end_due(world: World, request_id: int, now: datetime) -> Plan[bool]:
    """End a job whose time is over, whose KeepAlive lapsed, or whose opening took too long.

    False when nothing of that is due (any more).
    """
    request = world.request(request_id)
    job = request.live_job if request is not None else None
    if request is None or job is None:
        return Plan(answer=False)
    if job.phase is JobPhase.READYING:
        return Plan(answer=False)
    if job.phase is JobPhase.OPENING:
        waited = world.settings.opening_timeout
        if now < job.granted + waited:
            return Plan(answer=False)
        reason = f"the agent did not install the request's key within {duration(waited)}"
        # A board whose agent is the fence proves itself clean before it is lent again, whatever
        # it does with the key later; no need to blame it for being slow or away.
        worker = world.worker(job.worker)
        fenced = worker is not None and worker.fence is Fence.AGENT
        to = None if fenced else WorkerState.FAILED
        waiting, steps = end_job(world, request, now, reason, requeue=True, to=to)
        return Plan(answer=True, steps=(*steps, requeued(waiting)))
    if now >= enforced_end(job, world.settings):
        reason = "the job's time was over"
    elif job.keep_alive_until is not None and now >= job.keep_alive_until:
        reason = f"its client did not renew KeepAlive for {request.keep_alive} s"
    else:
        return Plan(answer=False)
    return Plan(answer=True, steps=_done(world, request, now, reason))


def ended(world: World, uuid: str, epoch: int, now: datetime) -> Plan[None]:
    """Finish a job that its agent ended at its time. Raises StaleEpochError."""
    request, job = job_of(world, uuid, epoch)
    if job.phase is not JobPhase.LIVE:
        raise StaleEpochError
    return Plan(answer=None, steps=_done(world, request, now, "the job's time was over"))


def end_again(world: World, end: OwedEnd, now: datetime) -> Plan[None]:
    """Store an end that an earlier server enforced; nothing where it is stored already."""
    request = world.holder(end.worker)
    job = request.live_job if request is not None else None
    live = job is not None and job.epoch == end.epoch and job.phase is JobPhase.LIVE
    if request is None or not live:
        return Plan(answer=None)
    return Plan(answer=None, steps=finished_early(world, request, end.state, now, end.reason))


def _done(world: World, request: Request, now: datetime, reason: str) -> tuple[Step, ...]:
    return finished_early(world, request, RequestState.DONE, now, reason)


def _still_true(proposal: Grant, request: Request, worker: Worker, now: datetime) -> bool:
    return (
        request.state is RequestState.WAITING
        and not request.borrows
        and worker.borrower is None
        and request.live_job is None
        and request.revision == proposal.request_revision
        and request.valid_after <= now < request.deadline
        and worker.state is WorkerState.IDLE
        and worker.unreachable_since is None
        and worker.revision == proposal.worker_revision
        and worker.epoch == proposal.epoch
        and request.required.items() <= (offered := worker.matched).items()
        and (request.selector is None or parse(request.selector).matches(offered))
        and serves(worker.groups, request.owner_groups)
        and (worker.fence is Fence.AGENT or takes_any_board(request))
    )


def job_of(world: World, uuid: str, epoch: int) -> tuple[Request, Job]:
    """Return who holds a worker in an epoch. Raises StaleEpochError when nobody does any more."""
    request = world.holder(uuid)
    job = request.live_job if request is not None else None
    if request is None or job is None or job.worker != uuid or job.epoch != epoch:
        raise StaleEpochError
    return request, job


def _live_job(world: World, request_id: int) -> tuple[Request, Job]:
    request = world.request(request_id)
    if request is None:
        raise RequestNotFoundError
    job = request.live_job
    if job is None or job.phase is not JobPhase.LIVE:
        raise WorkerNotAssignedError(standing=standing_of(world, request))
    return request, job


def kept_until(request: Request, now: datetime) -> datetime | None:
    """Return when a job ends whose KeepAlive is renewed now; None where none is wanted."""
    return now + timedelta(seconds=request.keep_alive) if request.keep_alive else None


def _confirmed(request: Request, job: Job, now: datetime) -> Job:
    return replace(
        job,
        timeout=job.wanted_timeout or job.timeout,
        wanted_timeout=None,
        keep_alive_until=kept_until(request, now),
    )
