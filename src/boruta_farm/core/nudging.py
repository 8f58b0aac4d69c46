"""Asking whoever holds a board whether he still needs it."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from boruta_farm.core.plan import Plan, RequestSaved
from boruta_farm.core.standings import standing_of
from boruta_farm.core.world import World
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    NudgeError,
    RequestNotFoundError,
    TooManyCallsError,
    WorkerNotAssignedError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Permission
from boruta_farm.model.request import RequestState

PAUSE: Final = timedelta(minutes=5)
"""A holder is asked no more often than this, whoever asks: he has heard it."""


def nudge(world: World, caller: Caller, request_id: int, now: datetime) -> Plan[None]:
    """Ask the holder of a running request's board whether he still needs it (issue 14).

    Raises ForbiddenError, RequestNotFoundError, WorkerNotAssignedError for a request without a
    board, NudgeError for one's own, TooManyCallsError for one that was asked about just now.
    """
    caller.require(Permission.NUDGE_HOLDERS)
    request = world.request(request_id)
    if request is None:
        raise RequestNotFoundError
    if request.state is not RequestState.IN_PROGRESS or request.live_job is None:
        raise WorkerNotAssignedError(standing=standing_of(world, request))
    if caller.groups is not None and caller.id == request.owner:
        raise NudgeError(f"request {request.id} is your own; nobody else is to be asked")
    if request.nudged_at is not None and now - request.nudged_at < PAUSE:
        left = request.nudged_at + PAUSE - now
        raise TooManyCallsError(
            f"the holder of request {request.id} was asked just now; a board's holder is asked at "
            "most every 5 minutes",
            retry_after=math.ceil(left.total_seconds()),
        )
    asked = replace(
        request,
        nudged_at=now,
        nudged_by=None if caller.groups is None else caller.name,
        revision=request.revision + 1,
    )
    return Plan(answer=None, steps=(RequestSaved(request=asked, kind=EventKind.REQUEST_NUDGED),))
