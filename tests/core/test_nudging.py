"""Who may ask a board's holder, about what, and how often."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core import jobs, nudging, requests
from boruta_farm.core.auditing import notes_of
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import (
    ForbiddenError,
    NudgeError,
    RequestNotFoundError,
    TooManyCallsError,
    WorkerNotAssignedError,
)
from boruta_farm.model.permission import Scope
from boruta_farm.model.request import NewRequest
from tests.core.conftest import Stage
from tests.core.people import ANN, BOB, VIEWER, peopled
from tests.core.world import NOW, DictWorld

PLAIN = NewRequest(caps={}, priority=8)


@pytest.fixture
def running(world: DictWorld) -> int:
    """Let a request of Ann's run on a board."""
    peopled(world)
    uuid = Stage(world).idle()
    number = world.apply(requests.create(world, ANN, PLAIN, NOW)).id
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    return number


def test_who_holds_a_board_is_asked_and_it_is_entered(world: DictWorld, running: int) -> None:
    plan = nudging.nudge(world, BOB, running, NOW)
    world.apply(plan)
    request = world.requests[running]
    assert (request.nudged_at, request.nudged_by) == (NOW, "bob")
    (note,) = notes_of(plan.steps[0], BOB)
    told = (note.actor, note.action, note.subject)
    assert told == ("bob", Action.REQUEST_NUDGED, f"request {running}")


def test_a_holder_is_asked_every_five_minutes_at_most(world: DictWorld, running: int) -> None:
    world.apply(nudging.nudge(world, BOB, running, NOW))
    soon = NOW + nudging.PAUSE - timedelta(seconds=10)
    with pytest.raises(TooManyCallsError, match="was asked just now") as told:
        nudging.nudge(world, BOB, running, soon)
    assert told.value.retry_after == 10
    assert nudging.nudge(world, BOB, running, NOW + nudging.PAUSE).steps


def test_who_has_no_board_cannot_be_asked(world: DictWorld, running: int) -> None:
    with pytest.raises(RequestNotFoundError):
        nudging.nudge(world, BOB, 99, NOW)
    waiting = world.apply(requests.create(world, ANN, PLAIN, NOW)).id
    with pytest.raises(WorkerNotAssignedError):
        nudging.nudge(world, BOB, waiting, NOW)


def test_nobody_asks_himself(world: DictWorld, running: int) -> None:
    with pytest.raises(NudgeError, match="is your own"):
        nudging.nudge(world, ANN, running, NOW)


def test_who_may_borrow_nothing_asks_nobody(world: DictWorld, running: int) -> None:
    for caller in (VIEWER, replace(BOB, scope=Scope.READ)):
        with pytest.raises(ForbiddenError):
            nudging.nudge(world, caller, running, NOW)


def test_without_users_somebody_asks(world: DictWorld, running: int) -> None:
    world.apply(nudging.nudge(world, LOCAL_ADMIN, running, NOW))
    assert world.requests[running].nudged_by is None
