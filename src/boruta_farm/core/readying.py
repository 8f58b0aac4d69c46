"""What becomes of a job whose board is flashed and booted before its hand-over.

Nobody has the board yet, so whatever is wrong with what the request asks for fails the request and
is no blame of the board's (I22): that is proved clean and lent again.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from boruta_farm.core.ending import end_job, requeued
from boruta_farm.core.jobs import handed_over, job_of, lengths
from boruta_farm.core.plan import Plan, RequestSaved, Step
from boruta_farm.core.transitions import move_request
from boruta_farm.core.world import World
from boruta_farm.model.errors import StaleEpochError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.readiness import BEGINNING, LONGEST_LINE, LONGEST_PROGRESS, MOST_LINES
from boruta_farm.model.request import Request, RequestState
from boruta_farm.words.durations import duration

SETTLING = timedelta(seconds=30)
"""How much later than its agent the farm gives a board up: the agent knows what went wrong. As long
after the farm's start: what has come of it meanwhile is told as soon as the agent is back."""


def readied(world: World, uuid: str, epoch: int, now: datetime) -> Plan[None]:
    """Hand over a board that is flashed and booted; the job's length counts from now.

    Whether its owner may still be lent it is for ``judging.readied``. Raises StaleEpochError.
    """
    request, job = _readying(world, uuid, epoch)
    length, longest = lengths(world, request)
    job = replace(job, granted=now, timeout=now + length, limit=now + longest, progress=None)
    return Plan(answer=None, steps=(handed_over(request, job, now),))


def unready(
    world: World,
    uuid: str,
    epoch: int,
    now: datetime,
    reason: str,
    lines: tuple[str, ...] = (),
) -> Plan[None]:
    """Fail the request whose board could not be made ready; the board is cleaned as after any job.

    ``lines`` are what the device's console said last. Raises StaleEpochError.
    """
    request, job = _readying(world, uuid, epoch)
    return Plan(answer=None, steps=_failed(world, request, job, now, reason, lines))


def progressed(world: World, uuid: str, epoch: int, words: str) -> Plan[None]:
    """Note how far a board has come. Raises StaleEpochError."""
    request, job = _readying(world, uuid, epoch)
    told = _visible(words, LONGEST_PROGRESS) or None
    if told == job.progress:
        return Plan(answer=None)
    changed = replace(job, progress=told)
    saved = replace(request, job=changed, revision=request.revision + 1)
    return Plan(answer=None, steps=(RequestSaved(request=saved, kind=EventKind.REQUEST_UPDATED),))


def ready_due(world: World, request_id: int, now: datetime, possible_since: datetime) -> Plan[bool]:
    """Give up a board that takes too long (I17); False when that is not due (any more).

    The request fails, but for a board whose agent is out of reach: then it waits on for another.
    ``possible_since`` is since when boards can be told and heard at all.
    """
    request = world.request(request_id)
    job = None if request is None else request.live_job
    if request is None or job is None or job.phase is not JobPhase.READYING:
        return Plan(answer=False)
    limit = world.settings.ready_timeout
    if now < max(job.granted + limit, possible_since) + SETTLING:
        return Plan(answer=False)
    reason = f"it was not ready within {duration(limit)}"
    worker = world.worker(job.worker)
    if worker is None or worker.unreachable_since is None:
        return Plan(answer=True, steps=_failed(world, request, job, now, reason, ()))
    waiting, steps = end_job(world, request, now, reason, requeue=True)
    return Plan(answer=True, steps=(*steps, requeued(waiting)))


def _readying(world: World, uuid: str, epoch: int) -> tuple[Request, Job]:
    request, job = job_of(world, uuid, epoch)
    if job.phase is not JobPhase.READYING:
        raise StaleEpochError
    return request, job


def _failed(
    world: World, request: Request, job: Job, now: datetime, reason: str, lines: tuple[str, ...]
) -> tuple[Step, ...]:
    worker = world.worker(job.worker)
    name = job.worker if worker is None else worker.name
    why = f"{name} was not made ready: {_visible(reason, 2 * LONGEST_PROGRESS)}"
    told = [line for line in (_visible(each, LONGEST_LINE) for each in lines) if line]
    if told:
        why = f"{why}; its console ended with: {' | '.join(told[-MOST_LINES:])}"
    # How far it came stays, and tells that nobody ever had the board.
    request = replace(request, job=replace(job, progress=job.progress or BEGINNING))
    over, steps = end_job(world, request, now, why)
    failed = move_request(over, RequestState.FAILED, now, why)
    return (*steps, RequestSaved(request=failed, kind=EventKind.REQUEST_FINISHED))


def _visible(text: str, most: int) -> str:
    """Return a text that a board told as one short line without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:most].strip()
