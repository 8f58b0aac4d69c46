"""How a hold on a worker ends, where there is one."""

from dataclasses import replace

from boruta_farm.core import jobs
from boruta_farm.core.ending import end_job
from boruta_farm.core.plan import JobSaved, KeyErased, WorkerSaved
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import Request
from boruta_farm.model.worker import WorkerState
from tests.core.conftest import Stage
from tests.core.world import NOW, DictWorld


def lent(world: DictWorld, stage: Stage) -> Request:
    """Return a request that runs."""
    uuid, request_id = stage.idle(), stage.waiting()
    world.apply(jobs.grant(world, world.grant_of(request_id, uuid), NOW))
    return world.requests[request_id]


def test_a_request_that_holds_nothing_stays_as_it_is(world: DictWorld, stage: Stage) -> None:
    request = world.requests[stage.waiting()]
    assert end_job(world, request, NOW, "over") == (request, ())


def test_nor_does_one_change_whose_worker_is_gone(world: DictWorld, stage: Stage) -> None:
    request = lent(world, stage)
    world.workers.clear()
    assert end_job(world, request, NOW, "over") == (request, ())


def test_an_ended_job_stays_with_its_request_and_is_saved_with_it(
    world: DictWorld, stage: Stage
) -> None:
    request, steps = end_job(world, lent(world, stage), NOW, "over")
    assert request.job is not None
    assert (request.job.phase, request.job.ended, request.job.keys) == (JobPhase.ENDED, NOW, ())
    erased, released = steps
    assert erased == KeyErased(worker=request.job.worker, epoch=request.job.epoch)
    assert isinstance(released, WorkerSaved)
    assert released.worker.state is WorkerState.PREPARE


def test_one_that_goes_back_to_the_queue_is_saved_by_itself(world: DictWorld, stage: Stage) -> None:
    running = lent(world, stage)
    request, steps = end_job(world, running, NOW, "once more", requeue=True)
    assert request.job is None
    _, saved, released = steps
    assert isinstance(saved, JobSaved)
    assert running.job is not None
    assert saved.job == replace(running.job, phase=JobPhase.ENDED, ended=NOW)
    assert isinstance(released, WorkerSaved)
