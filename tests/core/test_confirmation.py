"""What becomes of a job whose board does not say that it knows of it (I21)."""

from dataclasses import replace

import pytest

from boruta_farm.core import confirmation, jobs, workers
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import StaleEpochError
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import Fence, WorkerState
from tests.core.conftest import Stage
from tests.core.test_jobs import OWN_KEY, run
from tests.core.world import NOW, SECOND, DictWorld

LATE = NOW + 5 * SECOND
WHY = "no answer"


def take_back(world: DictWorld, uuid: str, *, used: bool = False) -> None:
    epoch = world.workers[uuid].epoch
    world.apply(confirmation.unconfirmed(world, uuid, epoch, LATE, WHY, used=used))


def job_of(world: DictWorld, request_id: int) -> Job:
    job = world.requests[request_id].job
    assert job is not None
    return job


def test_what_nobody_has_had_waits_on_in_its_place(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    before = world.requests[request_id]
    epoch = world.workers[uuid].epoch
    take_back(world, uuid)
    request = world.requests[request_id]
    assert (request.state, request.job) == (RequestState.WAITING, None)
    assert (request.id, request.priority) == (before.id, before.priority)
    assert (request.valid_after, request.deadline) == (before.valid_after, before.deadline)
    assert request.finished is None
    assert [job.phase for job in world.aborted] == [JobPhase.ENDED]
    worker = world.workers[uuid]
    assert (worker.state, worker.epoch) == (WorkerState.PREPARE, epoch + 1)
    with pytest.raises(StaleEpochError):
        confirmation.confirmed(world, uuid, epoch)


@pytest.mark.parametrize("how", ["key", "tunnel"])
def test_what_somebody_may_have_had_fails_in_words(
    world: DictWorld, stage: Stage, how: str
) -> None:
    uuid, request_id = run(world, stage)
    if how == "key":
        epoch = world.workers[uuid].epoch
        world.apply(jobs.read_key(world, LOCAL_ADMIN, request_id, epoch))
    take_back(world, uuid, used=how == "tunnel")
    request = world.requests[request_id]
    assert request.state is RequestState.FAILED
    assert "did not confirm the job (no answer)" in (request.reason or "")
    assert world.workers[uuid].state is WorkerState.PREPARE


def test_a_confirmed_job_is_not_taken_back(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    epoch = world.workers[uuid].epoch
    assert job_of(world, request_id).unconfirmed
    world.apply(confirmation.confirmed(world, uuid, epoch))
    assert not job_of(world, request_id).unconfirmed
    assert confirmation.confirmed(world, uuid, epoch).steps == ()
    with pytest.raises(StaleEpochError):
        take_back(world, uuid)


def test_opening_and_prolonging_confirm(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage, OWN_KEY)
    epoch = world.workers[uuid].epoch
    with pytest.raises(StaleEpochError):
        take_back(world, uuid)
    world.apply(confirmation.opened(world, uuid, epoch, NOW))
    assert not job_of(world, request_id).unconfirmed
    unconfirmed = replace(job_of(world, request_id), unconfirmed=True)
    world.requests[request_id] = replace(world.requests[request_id], job=unconfirmed)
    wish = world.apply(jobs.want_prolongation(world, request_id, NOW + SECOND))
    assert job_of(world, request_id).unconfirmed
    world.apply(jobs.prolonged(world, uuid, epoch, wish.sequence, NOW + SECOND))
    assert not job_of(world, request_id).unconfirmed


def test_a_board_without_a_fence_fails_until_it_is_there(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    world.workers[uuid] = replace(world.workers[uuid], fence=Fence.NONE)
    take_back(world, uuid)
    assert world.workers[uuid].state is WorkerState.FAILED
    assert world.requests[request_id].state is RequestState.WAITING


def test_a_board_that_fails_before_it_confirmed_costs_no_request(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = run(world, stage)
    world.apply(workers.set_fail(world, uuid, "smoke", NOW))
    request = world.requests[request_id]
    assert (request.state, request.job) == (RequestState.WAITING, None)
    assert world.workers[uuid].state is WorkerState.FAILED


def test_a_key_that_the_board_refuses_fails_the_request_alone(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = run(world, stage, OWN_KEY)
    epoch = world.workers[uuid].epoch
    world.apply(confirmation.key_refused(world, uuid, epoch, NOW, "too odd"))
    request = world.requests[request_id]
    assert (request.state, request.job) == (RequestState.FAILED, None)
    assert "too odd" in (request.reason or "")
    assert world.workers[uuid].state is WorkerState.PREPARE
    with pytest.raises(StaleEpochError):
        confirmation.key_refused(world, uuid, epoch, NOW, "again")
