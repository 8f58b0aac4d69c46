"""Boards that nobody uses while somebody waits for them: the holder is warned, then it is taken.

Off unless the farm or the request says ``idle_end`` (issue 14). What counts as use is what passes
through the board's tunnel beyond signs of life: keys, output, files, acts of tools.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from boruta_farm.core.ending import finished_early
from boruta_farm.core.jobs import job_of
from boruta_farm.core.plan import Plan, RequestSaved
from boruta_farm.core.world import World
from boruta_farm.model.errors import StaleEpochError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.words.durations import duration

WARNED_BEFORE: Final = timedelta(minutes=5)
"""How long a holder has from the warning to the end, to use his board or say that he is there."""
NOTED_AGAIN: Final = 4
"""Use is written down this often within ``idle_end``: each is a change for all who follow."""


def idle_end(request: Request, settings: FarmSettings) -> timedelta | None:
    """Return how long a running request's board may go unused; None for as long as it likes.

    What the request asks for is never longer than what the farm allows.
    """
    said = [each for each in (request.idle_end, settings.idle_end) if each]
    return min(said, default=None)


def idle_since(request: Request) -> datetime | None:
    """Return since when nobody is known to have used a request's board; None without one."""
    job = request.live_job
    if job is None or job.phase is not JobPhase.LIVE:
        return None
    used = request.used_at
    return job.granted if used is None or used < job.granted else used


def is_idle(request: Request, settings: FarmSettings, now: datetime) -> bool:
    """Tell whether a board went unused for as long as it may, and was not warned of yet."""
    since, patience = idle_since(request), idle_end(request, settings)
    if since is None or patience is None or request.idle_ends is not None:
        return False
    return now - since >= patience


def to_be_noted(request: Request, settings: FarmSettings, now: datetime) -> bool:
    """Tell whether use at this moment is to be written down: seldom, or once it was warned of."""
    since, patience = idle_since(request), idle_end(request, settings)
    if since is None or patience is None:
        return False
    return request.idle_ends is not None or now - since >= patience / NOTED_AGAIN


def used(world: World, uuid: str, epoch: int, at: datetime, now: datetime) -> Plan[None]:
    """Note when a board was used; a warning before that is void then. Raises StaleEpochError."""
    request, _ = job_of(world, uuid, epoch)
    since = idle_since(request)
    if since is None or at <= since or not to_be_noted(request, world.settings, now):
        return Plan(answer=None)
    ends = request.idle_ends
    if ends is not None and at > ends - WARNED_BEFORE:
        ends = None
    noted = replace(request, used_at=at, idle_ends=ends, revision=request.revision + 1)
    return Plan(answer=None, steps=(RequestSaved(request=noted, kind=EventKind.REQUEST_USED),))


def warn(world: World, uuid: str, epoch: int, now: datetime) -> Plan[None]:
    """Say when a board that nobody uses is taken, for whoever waits. Raises StaleEpochError."""
    request, _ = job_of(world, uuid, epoch)
    if not is_idle(request, world.settings, now):
        return Plan(answer=None)
    warned = replace(request, idle_ends=now + WARNED_BEFORE, revision=request.revision + 1)
    return Plan(answer=None, steps=(RequestSaved(request=warned, kind=EventKind.REQUEST_IDLE),))


def end(world: World, uuid: str, epoch: int, now: datetime, *, wanted: bool) -> Plan[None]:
    """Take a board that was warned of and is unused still; where nobody waits any more it stays.

    Raises StaleEpochError.
    """
    request, _ = job_of(world, uuid, epoch)
    if request.state is not RequestState.IN_PROGRESS:
        raise StaleEpochError
    if request.idle_ends is None or now < request.idle_ends:
        return Plan(answer=None)
    if not wanted:
        kept = replace(request, idle_ends=None, revision=request.revision + 1)
        return Plan(answer=None, steps=(RequestSaved(request=kept, kind=EventKind.REQUEST_USED),))
    since = idle_since(request)
    unused = ""
    if since is not None:
        unused = f" for {duration(timedelta(seconds=int((now - since).total_seconds())))}"
    reason = f"its board was not used{unused} while somebody waited for it (idle_end)"
    return Plan(answer=None, steps=finished_early(world, request, RequestState.DONE, now, reason))
