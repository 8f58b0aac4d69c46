"""What moves with the farm's time when it is set, and what stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core import jobs
from boruta_farm.core.jobs import Grant
from boruta_farm.core.timekeeping import step_clock
from boruta_farm.model.audit import Action
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import NewRequest
from tests.core.conftest import Stage
from tests.core.world import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize("by", [DAY, -DAY, timedelta(seconds=3)])
def test_running_jobs_keep_their_remaining_time(stage: Stage, by: timedelta) -> None:
    world = stage.world
    board = stage.idle()
    number = stage.waiting(NewRequest(caps={}, priority=8, keep_alive=60))
    request, worker = world.requests[number], world.workers[board]
    proposal = Grant(number, request.revision, board, worker.revision, worker.epoch)
    world.apply(jobs.grant(world, proposal, NOW))
    waiting = stage.waiting()
    world.requests[waiting] = replace(world.requests[waiting], orphaned_since=NOW)
    job, before, filed = world.requests[number].job, world.workers[board], world.requests[waiting]
    assert job is not None
    plan = step_clock(world, by, "boot 1", "a test", NOW, None)
    assert world.apply(plan) == 1
    after = world.requests[number].job
    assert after == replace(
        job,
        granted=job.granted + by,
        timeout=job.timeout + by,
        limit=job.limit + by,
        keep_alive_until=job.keep_alive_until and job.keep_alive_until + by,
    )
    assert world.workers[board].since == before.since + by
    moved = world.requests[waiting]
    assert moved.orphaned_since == NOW + by
    assert (moved.deadline, moved.valid_after) == (filed.deadline, filed.valid_after)
    assert EventKind.CLOCK_STEPPED in world.told
    note = world.notes[-1]
    assert (note.action, note.actor, note.detail["jobs"]) == (Action.CLOCK_STEPPED, "farm", "1")
    assert jobs.end_due(world, number, NOW + by).answer is False
    assert jobs.end_due(world, number, job.timeout + by + timedelta(minutes=1)).answer is True


def test_a_step_too_small_to_be_told_has_no_sign_of_its_own(stage: Stage) -> None:
    stage.world.apply(step_clock(stage.world, -timedelta(microseconds=200), "", "", NOW, None))
    assert stage.world.notes[-1].detail["by"] == "+0.000 s"
