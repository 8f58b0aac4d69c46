"""A board flashed and booted between grant and hand-over: what becomes of request and board."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core import confirmation, jobs, judging, presence, readying, requests, workers
from boruta_farm.core.deadlines import Deadlines, DueKind
from boruta_farm.core.readying import SETTLING
from boruta_farm.core.timekeeping import step_clock
from boruta_farm.model.account import Account
from boruta_farm.model.errors import StaleEpochError, StaleProposalError, WorkerNotAssignedError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.readiness import BEGINNING
from boruta_farm.model.request import NewRequest, RequestState, RequestUpdate
from boruta_farm.model.worker import WorkerState
from tests.core.conftest import Stage
from tests.core.people import ANN, peopled
from tests.core.test_requests import ED25519
from tests.core.world import HOUR, NOW, SECOND, DictWorld

URL = "https://images.example/board.img"
WISH = NewRequest(caps={}, priority=8, image=URL, boot_until="login:")
MINUTE = timedelta(minutes=1)
TOOLS = {"tool.image": "yes", "tool.boot": "yes"}


def capable(world: DictWorld, stage: Stage) -> str:
    """Return an idle board that can be flashed and booted."""
    uuid = stage.idle()
    worker = world.workers[uuid]
    world.workers[uuid] = replace(worker, caps={**worker.caps, **TOOLS})
    return uuid


def granted(world: DictWorld, stage: Stage, new: NewRequest = WISH) -> tuple[str, int]:
    """Grant a capable board to a request that wants it ready."""
    uuid, request_id = capable(world, stage), stage.waiting(new)
    world.apply(jobs.grant(world, world.grant_of(request_id, uuid), NOW))
    return uuid, request_id


def job_of(world: DictWorld, request_id: int) -> Job:
    job = world.requests[request_id].job
    assert job is not None
    return job


def refuses_reports(world: DictWorld, uuid: str, epoch: int) -> None:
    """See that nothing that is told too late of an epoch counts."""
    with pytest.raises(StaleEpochError):
        judging.readied(world, uuid, epoch, NOW)
    with pytest.raises(StaleEpochError):
        readying.unready(world, uuid, epoch, NOW, "late")
    with pytest.raises(StaleEpochError):
        readying.progressed(world, uuid, epoch, "late")


def test_a_board_that_cannot_is_not_granted(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = stage.idle(), stage.waiting(WISH)
    with pytest.raises(StaleProposalError):
        jobs.grant(world, world.grant_of(request_id, uuid), NOW)


def test_the_request_waits_and_nobody_gets_a_key_meanwhile(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = granted(world, stage)
    request = world.requests[request_id]
    assert (request.state, job_of(world, request_id).phase) == (
        RequestState.WAITING,
        JobPhase.READYING,
    )
    assert world.workers[uuid].state is WorkerState.RUNNING
    assert world.told[-2:] == [EventKind.REQUEST_READYING, EventKind.WORKER_STATE]
    epoch = world.workers[uuid].epoch
    for too_early in (confirmation.opened, jobs.ended):
        with pytest.raises(StaleEpochError):
            too_early(world, uuid, epoch, NOW)
    with pytest.raises(WorkerNotAssignedError):
        jobs.want_prolongation(world, request_id, NOW)
    assert jobs.end_due(world, request_id, NOW + 25 * HOUR).answer is False
    with pytest.raises(StaleProposalError):
        jobs.grant(world, world.grant_of(request_id, uuid), NOW)


def test_the_job_begins_when_the_board_is_ready_and_lasts_from_then(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = granted(world, stage, replace(WISH, length=2 * HOUR, keep_alive=60))
    epoch = world.workers[uuid].epoch
    world.apply(readying.progressed(world, uuid, epoch, "writing, 1 MB of 2 MB"))
    ready = NOW + 10 * MINUTE
    world.apply(judging.readied(world, uuid, epoch, ready))
    request, job = world.requests[request_id], job_of(world, request_id)
    assert (request.state, job.phase) == (RequestState.IN_PROGRESS, JobPhase.LIVE)
    assert (job.granted, job.timeout) == (ready, ready + 2 * HOUR)
    assert job.limit == ready + world.settings.job_limit
    assert job.keep_alive_until == ready + 60 * SECOND
    assert job.unconfirmed, "its board has yet to answer to the grant (I21)"
    assert job.progress is None
    assert world.told[-1] is EventKind.REQUEST_STARTED
    refuses_reports(world, uuid, epoch)


def test_the_callers_own_key_is_installed_after_that(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = granted(world, stage, replace(WISH, ssh_key=ED25519))
    epoch = world.workers[uuid].epoch
    ready = NOW + 10 * MINUTE
    world.apply(judging.readied(world, uuid, epoch, ready))
    request, job = world.requests[request_id], job_of(world, request_id)
    assert (request.state, job.phase) == (RequestState.WAITING, JobPhase.OPENING)
    assert job.granted == ready, "the time to install it counts from now"
    world.apply(judging.opened(world, uuid, epoch, ready + SECOND))
    assert job_of(world, request_id).timeout == ready + SECOND + HOUR


def test_how_far_it_came_is_kept_as_one_short_visible_line(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = granted(world, stage)
    epoch = world.workers[uuid].epoch
    world.apply(readying.progressed(world, uuid, epoch, "writing\x1b[2J\n" + "x" * 500))
    told = job_of(world, request_id).progress
    assert told is not None
    assert told.isprintable()
    assert len(told) == 200
    revision = world.requests[request_id].revision
    assert readying.progressed(world, uuid, epoch, told).steps == ()
    assert world.requests[request_id].revision == revision


def test_what_went_wrong_fails_the_request_and_never_the_board(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = granted(world, stage)
    epoch = world.workers[uuid].epoch
    lines = ("first", "U-Boot 2023.01", "\x1b[31mPanic\x07", "", "not syncing", "end", "6th")
    world.apply(readying.unready(world, uuid, epoch, NOW + MINUTE, "no prompt", lines))
    request, job = world.requests[request_id], job_of(world, request_id)
    assert request.state is RequestState.FAILED
    name = world.workers[uuid].name
    assert request.reason == (
        f"{name} was not made ready: no prompt; its console ended with: "
        "U-Boot 2023.01 | [31mPanic | not syncing | end | 6th"
    )
    assert (job.phase, job.ended, job.progress) == (JobPhase.ENDED, NOW + MINUTE, BEGINNING)
    worker = world.workers[uuid]
    assert (worker.state, worker.epoch) == (WorkerState.PREPARE, epoch + 1)
    assert (uuid, epoch) not in world.keys
    with pytest.raises(StaleEpochError):
        judging.readied(world, uuid, epoch, NOW + MINUTE)


def test_a_board_wanted_for_maintenance_goes_there_afterwards(
    world: DictWorld, stage: Stage
) -> None:
    uuid, _ = granted(world, stage)
    aside = workers.set_state(world, uuid, WorkerState.MAINTENANCE, NOW, "fan", after_job=True)
    world.apply(aside)
    world.apply(readying.unready(world, uuid, world.workers[uuid].epoch, NOW, "no image"))
    assert world.workers[uuid].state is WorkerState.BUSY


@pytest.mark.parametrize(
    ("how", "state", "worker_state"),
    [
        ("close", RequestState.CANCELLED, WorkerState.PREPARE),
        ("deadline", RequestState.TIMEOUT, WorkerState.PREPARE),
        ("update", RequestState.WAITING, WorkerState.PREPARE),
        ("maintenance", RequestState.WAITING, WorkerState.BUSY),
        ("failure", RequestState.WAITING, WorkerState.FAILED),
        ("health", RequestState.WAITING, WorkerState.FAILED),
        ("lost", RequestState.WAITING, WorkerState.FAILED),
    ],
)
def test_it_can_be_called_off(
    world: DictWorld, stage: Stage, how: str, state: RequestState, worker_state: WorkerState
) -> None:
    uuid, request_id = granted(world, stage)
    epoch = world.workers[uuid].epoch
    match how:
        case "close":
            world.apply(requests.close(world, request_id, NOW))
        case "deadline":
            world.apply(requests.expire(world, request_id, world.requests[request_id].deadline))
            assert "while its board was made ready" in (world.requests[request_id].reason or "")
        case "update":
            world.apply(requests.update(world, request_id, RequestUpdate(priority=2), NOW))
        case "maintenance":
            world.apply(workers.set_state(world, uuid, WorkerState.MAINTENANCE, NOW))
        case "failure":
            world.apply(workers.failed(world, uuid, epoch, NOW, "its disk is full"))
        case "health":
            world.apply(workers.set_fail(world, uuid, "its power cannot be read", NOW))
        case "lost":
            world.apply(presence.lost(world, uuid, NOW))
            assert world.workers[uuid].unreachable_since == NOW
    assert world.requests[request_id].state is state
    assert world.requests[request_id].job is None
    assert [job.phase for job in world.aborted] == [JobPhase.ENDED]
    assert world.workers[uuid].state is worker_state
    assert (uuid, epoch) not in world.keys
    refuses_reports(world, uuid, epoch)


def test_an_agent_that_is_lost_while_its_job_is_live_keeps_it(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = granted(world, stage)
    world.apply(judging.readied(world, uuid, world.workers[uuid].epoch, NOW))
    world.apply(presence.lost(world, uuid, NOW))
    assert world.requests[request_id].state is RequestState.IN_PROGRESS


def test_a_board_that_takes_too_long_fails_its_request(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = granted(world, stage)
    due = NOW + world.settings.ready_timeout + SETTLING
    deadlines = Deadlines(world.settings)
    deadlines.put_request(world.requests[request_id])
    assert {(item.kind, item.at) for item in deadlines.due(due)} == {(DueKind.READYING, due)}
    assert readying.ready_due(world, request_id, due - SECOND, NOW).answer is False
    late_start = due - SECOND
    assert readying.ready_due(world, request_id, due, late_start).answer is False
    assert world.apply(readying.ready_due(world, request_id, due, NOW)) is True
    request = world.requests[request_id]
    assert request.state is RequestState.FAILED
    assert request.reason is not None
    assert request.reason.endswith("was not made ready: it was not ready within 15m")
    assert world.workers[uuid].state is WorkerState.PREPARE
    assert readying.ready_due(world, request_id, due, NOW).answer is False
    deadlines.put_request(request)
    assert len(deadlines) == 0


def test_one_whose_board_is_out_of_reach_then_waits_on(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = granted(world, stage)
    world.workers[uuid] = replace(world.workers[uuid], unreachable_since=NOW)
    due = NOW + world.settings.ready_timeout + SETTLING
    assert world.apply(readying.ready_due(world, request_id, due, NOW)) is True
    assert world.requests[request_id].state is RequestState.WAITING
    assert world.workers[uuid].state is WorkerState.FAILED


def test_a_step_of_the_clock_takes_its_time_along(world: DictWorld, stage: Stage) -> None:
    _, request_id = granted(world, stage)
    world.apply(step_clock(world, HOUR, "anchor", "test", NOW, None))
    assert job_of(world, request_id).granted == NOW + HOUR


def test_rights_are_judged_again_at_the_hand_over(world: DictWorld, stage: Stage) -> None:
    peopled(world)
    uuid = capable(world, stage)
    world.workers[uuid] = replace(world.workers[uuid], groups=("kernel",))
    request_id = world.apply(requests.create(world, ANN, WISH, NOW)).id
    world.apply(jobs.grant(world, world.grant_of(request_id, uuid), NOW))
    account = world.account(ANN.id)
    assert isinstance(account, Account)
    world.put(replace(account, disabled=True))
    world.apply(judging.readied(world, uuid, world.workers[uuid].epoch, NOW))
    assert world.requests[request_id].state is RequestState.CANCELLED
    assert world.workers[uuid].state is WorkerState.PREPARE
