"""Jobs: granted, opened, prolonged, kept alive, ended."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from boruta_farm.core import confirmation, jobs, presence, requests, workers
from boruta_farm.model.account import Account, Limits
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import (
    LengthError,
    ProlongLimitError,
    RequestNotFoundError,
    StaleEpochError,
    StaleProposalError,
    WorkerNotAssignedError,
)
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.permission import Role
from boruta_farm.model.request import NewRequest, Request, RequestState, RequestUpdate
from boruta_farm.model.worker import Fence, SessionKey, Worker, WorkerState
from tests.core.conftest import Stage
from tests.core.people import ANN
from tests.core.test_requests import ED25519
from tests.core.world import HOUR, NOW, SECOND, DictWorld

OWN_KEY = NewRequest(caps={}, priority=8, ssh_key=ED25519)


def run(world: DictWorld, stage: Stage, new: NewRequest | None = None) -> tuple[str, int]:
    """Grant a board to a request."""
    uuid, request_id = stage.idle(), stage.waiting(new)
    world.apply(jobs.grant(world, world.grant_of(request_id, uuid), NOW))
    return uuid, request_id


def job_of(world: DictWorld, request_id: int) -> Job:
    job = world.requests[request_id].job
    assert job is not None
    return job


def test_grant_makes_the_request_run_at_once(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    job = job_of(world, request_id)
    assert world.requests[request_id].state is RequestState.IN_PROGRESS
    assert world.workers[uuid].state is WorkerState.RUNNING
    assert (job.phase, job.worker, job.epoch) == (JobPhase.LIVE, uuid, world.workers[uuid].epoch)
    assert job.timeout == NOW + HOUR


STALE_REQUESTS = [
    {"revision": 9},
    {"state": RequestState.CANCELLED},
    {"valid_after": NOW + SECOND},
    {"deadline": NOW},
    {"caps": {"arch": "mips"}},
    {"owner_groups": frozenset({"other"})},
]
STALE_WORKERS = [
    {"revision": 9},
    {"state": WorkerState.PREPARE},
    {"epoch": 9},
    {"unreachable_since": NOW},
]


@pytest.mark.parametrize("change", STALE_REQUESTS)
def test_grant_refuses_a_changed_request(
    world: DictWorld, stage: Stage, change: dict[str, object]
) -> None:
    uuid, request_id = stage.idle(), stage.waiting()
    world.workers[uuid] = replace(world.workers[uuid], groups=("lab",))
    proposal = world.grant_of(request_id, uuid)
    changed: Request = replace(world.requests[request_id], **change)  # type: ignore[arg-type]  # table of changes
    world.requests[request_id] = changed
    with pytest.raises(StaleProposalError):
        jobs.grant(world, proposal, NOW)


@pytest.mark.parametrize("change", STALE_WORKERS)
def test_grant_refuses_a_changed_worker(
    world: DictWorld, stage: Stage, change: dict[str, object]
) -> None:
    uuid, request_id = stage.idle(), stage.waiting()
    proposal = world.grant_of(request_id, uuid)
    changed: Worker = replace(world.workers[uuid], **change)  # type: ignore[arg-type]  # table of changes
    world.workers[uuid] = changed
    with pytest.raises(StaleProposalError):
        jobs.grant(world, proposal, NOW)


def foreseen(world: DictWorld, stage: Stage) -> tuple[str, jobs.Grant]:
    """Return a board in PREPARE, and what was proposed for the time when it is ready."""
    uuid, request_id = stage.idle(), stage.waiting()
    idle = world.workers[uuid]
    world.workers[uuid] = replace(idle, state=WorkerState.PREPARE, groups=("lab",))
    return uuid, world.grant_of(request_id, uuid)


def ready(world: DictWorld, uuid: str, epoch: int, proposal: jobs.Grant) -> bool:
    """Let a board be ready that was proposed to somebody."""
    key = SessionKey(worker=uuid, epoch=epoch, public="ssh-rsa B", sealed=b"sealed")
    return world.apply(workers.prepared(world, uuid, epoch, key, "user", None, NOW, proposal))


def test_a_board_is_granted_in_the_breath_that_makes_it_idle(
    world: DictWorld, stage: Stage
) -> None:
    uuid, proposal = foreseen(world, stage)
    assert ready(world, uuid, proposal.epoch, proposal)
    job, worker = job_of(world, proposal.request_id), world.workers[uuid]
    assert world.requests[proposal.request_id].state is RequestState.IN_PROGRESS
    assert (worker.state, worker.username) == (WorkerState.RUNNING, "user")
    assert worker.revision == proposal.worker_revision + 2
    assert (job.phase, job.epoch, job.unconfirmed) == (JobPhase.LIVE, worker.epoch, True)


@pytest.mark.parametrize("change", STALE_REQUESTS)
def test_a_board_that_was_proposed_to_a_request_that_changed_is_idle(
    world: DictWorld, stage: Stage, change: dict[str, object]
) -> None:
    uuid, proposal = foreseen(world, stage)
    known = world.requests[proposal.request_id]
    changed: Request = replace(known, **change)  # type: ignore[arg-type]  # table of changes
    world.requests[proposal.request_id] = changed
    assert not ready(world, uuid, proposal.epoch, proposal)
    assert world.workers[uuid].state is WorkerState.IDLE
    assert world.requests[proposal.request_id] is changed


def test_a_board_that_changed_since_it_was_proposed_is_idle(world: DictWorld, stage: Stage) -> None:
    uuid, proposal = foreseen(world, stage)
    world.workers[uuid] = replace(world.workers[uuid], revision=proposal.worker_revision + 1)
    assert not ready(world, uuid, proposal.epoch, proposal)
    assert world.workers[uuid].state is WorkerState.IDLE


def test_own_key_opens_before_it_runs(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage, OWN_KEY)
    epoch = world.workers[uuid].epoch
    assert world.requests[request_id].state is RequestState.WAITING
    assert job_of(world, request_id).phase is JobPhase.OPENING
    with pytest.raises(StaleEpochError):
        confirmation.opened(world, uuid, epoch + 1, NOW)
    world.apply(confirmation.opened(world, uuid, epoch, NOW + SECOND))
    assert world.requests[request_id].state is RequestState.IN_PROGRESS
    assert world.keys[uuid, epoch].sealed is None
    with pytest.raises(StaleEpochError):
        confirmation.opened(world, uuid, epoch, NOW)


@pytest.mark.parametrize("how", ["close", "deadline", "update", "failure", "slow"])
def test_opening_can_be_aborted(world: DictWorld, stage: Stage, how: str) -> None:
    uuid, request_id = run(world, stage, OWN_KEY)
    epoch = world.workers[uuid].epoch
    state, worker_state = RequestState.WAITING, WorkerState.PREPARE
    match how:
        case "close":
            world.apply(requests.close(world, request_id, NOW))
            state = RequestState.CANCELLED
        case "deadline":
            end = world.requests[request_id].deadline
            world.apply(requests.expire(world, request_id, end))
            state = RequestState.TIMEOUT
        case "update":
            world.apply(requests.update(world, request_id, RequestUpdate(priority=2), NOW))
        case "failure":
            world.apply(confirmation.opening_failed(world, uuid, epoch, NOW, "no disk"))
            worker_state = WorkerState.FAILED
        case "slow":
            late = NOW + world.settings.opening_timeout
            assert not jobs.end_due(world, request_id, late - SECOND).answer
            assert world.apply(jobs.end_due(world, request_id, late))
    assert world.requests[request_id].state is state
    assert world.requests[request_id].job is None
    assert world.workers[uuid].state is worker_state
    assert [job.phase for job in world.aborted] == [JobPhase.ENDED]


def test_prolonging_moves_the_end_only_when_confirmed(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    later = NOW + HOUR / 2
    wish = world.apply(jobs.want_prolongation(world, request_id, later))
    assert wish.timeout == later + HOUR
    assert job_of(world, request_id).timeout == NOW + HOUR
    with pytest.raises(StaleEpochError):
        jobs.prolonged(world, uuid, wish.epoch, wish.sequence + 1, later)
    assert (
        world.apply(jobs.prolonged(world, uuid, wish.epoch, wish.sequence, later)) == wish.timeout
    )
    assert job_of(world, request_id).timeout == wish.timeout
    assert jobs.prolonged(world, uuid, wish.epoch, wish.sequence, later).steps == ()


def test_an_own_keys_length_counts_from_when_the_board_was_told(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = run(world, stage, replace(OWN_KEY, length=HOUR / 2))
    told = NOW + 3 * SECOND
    world.apply(confirmation.opened(world, uuid, world.workers[uuid].epoch, told + SECOND, told))
    job = job_of(world, request_id)
    assert (job.timeout, job.limit) == (told + HOUR / 2, told + world.settings.job_limit)


def test_what_an_account_may_have_now_bounds_a_length_named_before(
    world: DictWorld, stage: Stage
) -> None:
    ann = Account(id=ANN.id, name="ann", role=Role.USER, created=NOW)
    world.put(replace(ann, limits=Limits(job_time=3 * HOUR)))
    uuid = stage.idle()
    new = NewRequest(caps={}, priority=8, length=3 * HOUR)
    filed = world.apply(requests.create(world, ANN, new, NOW))
    world.put(replace(ann, limits=Limits(job_time=2 * HOUR)))
    with pytest.raises(LengthError, match="'job_time' of 2h that ann has"):
        requests.create(world, ANN, new, NOW)
    with pytest.raises(LengthError, match="'job_time' of 2h that ann has"):
        requests.update(world, filed.id, RequestUpdate(length=4 * HOUR), NOW)
    world.apply(jobs.grant(world, world.grant_of(filed.id, uuid), NOW))
    assert job_of(world, filed.id).timeout == NOW + 2 * HOUR


def test_unfenced_board_is_prolonged_at_once(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    world.workers[uuid] = replace(world.workers[uuid], fence=Fence.NONE)
    world.apply(jobs.want_prolongation(world, request_id, NOW + SECOND))
    assert job_of(world, request_id).timeout == NOW + SECOND + HOUR


def test_prolonging_stops_at_the_limit(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    almost = NOW + world.settings.job_limit - HOUR / 2
    wish = world.apply(jobs.want_prolongation(world, request_id, almost))
    assert wish.timeout == NOW + world.settings.job_limit
    world.apply(jobs.prolonged(world, uuid, wish.epoch, wish.sequence, almost))
    with pytest.raises(ProlongLimitError) as refused:
        jobs.want_prolongation(world, request_id, almost)
    standing = refused.value.standing
    assert standing is not None
    limit = world.settings.job_limit
    assert (standing.request_id, standing.longest) == (request_id, limit)
    assert standing.until == NOW + limit


def test_what_runs_on_a_board_that_is_gone_is_not_prolonged(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    del world.workers[uuid]
    with pytest.raises(WorkerNotAssignedError):
        jobs.want_prolongation(world, request_id, NOW)


def test_only_running_requests_can_be_prolonged(world: DictWorld, stage: Stage) -> None:
    with pytest.raises(RequestNotFoundError):
        jobs.want_prolongation(world, 7, NOW)
    with pytest.raises(WorkerNotAssignedError):
        jobs.want_prolongation(world, stage.waiting(), NOW)
    with pytest.raises(WorkerNotAssignedError):
        jobs.keep_alive(world, stage.waiting(), NOW)


def test_keep_alive_lapses_unless_renewed(world: DictWorld, stage: Stage) -> None:
    _, request_id = run(world, stage, NewRequest(caps={}, priority=8, keep_alive=30))
    world.apply(jobs.keep_alive(world, request_id, NOW + 20 * SECOND))
    assert not jobs.end_due(world, request_id, NOW + 49 * SECOND).answer
    assert world.apply(jobs.end_due(world, request_id, NOW + 50 * SECOND))
    request = world.requests[request_id]
    assert request.state is RequestState.DONE
    assert request.reason == "its client did not renew KeepAlive for 30 s"


def test_server_ends_a_job_after_the_agent_should_have(world: DictWorld, stage: Stage) -> None:
    _, request_id = run(world, stage)
    slack = timedelta(seconds=2) + HOUR * 0.0002
    assert not jobs.end_due(world, request_id, NOW + HOUR + slack - SECOND).answer
    assert world.apply(jobs.end_due(world, request_id, NOW + HOUR + slack))
    assert world.requests[request_id].state is RequestState.DONE


def test_agent_reports_the_end(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    epoch = job_of(world, request_id).epoch
    world.apply(jobs.ended(world, uuid, epoch, NOW + HOUR))
    assert world.requests[request_id].state is RequestState.DONE
    with pytest.raises(StaleEpochError):
        jobs.ended(world, uuid, epoch, NOW + HOUR)


def test_what_still_opens_is_not_ended_by_its_agent(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage, OWN_KEY)
    with pytest.raises(StaleEpochError):
        jobs.ended(world, uuid, job_of(world, request_id).epoch, NOW)


@pytest.mark.parametrize("kind", ["ecdsa-sha2-nistp256", "ssh-ed25519"])
def test_a_board_over_go_rpc_is_granted_to_a_key_that_can_travel_there(
    world: DictWorld, stage: Stage, kind: str
) -> None:
    uuid, request_id = stage.idle(), stage.waiting()
    own = kind + ED25519.removeprefix("ssh-ed25519")
    world.requests[request_id] = replace(world.requests[request_id], ssh_key=own)
    world.workers[uuid] = replace(world.workers[uuid], fence=Fence.NONE)
    proposal = world.grant_of(request_id, uuid)
    if kind == "ssh-ed25519":
        assert jobs.grant(world, proposal, NOW).steps
        return
    with pytest.raises(StaleProposalError):
        jobs.grant(world, proposal, NOW)


def test_job_of_an_unreachable_board_ends_done_with_the_worker_failed(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = run(world, stage)
    world.apply(presence.lost(world, uuid, NOW + SECOND))
    assert world.workers[uuid].state is WorkerState.RUNNING
    world.apply(jobs.end_due(world, request_id, NOW + 2 * HOUR))
    assert world.requests[request_id].state is RequestState.DONE
    assert world.workers[uuid].state is WorkerState.FAILED


@pytest.mark.parametrize(("key", "until"), [(None, NOW + 60 * SECOND), (ED25519, None)])
def test_signs_of_life_count_from_when_the_user_can_get_in(
    world: DictWorld, stage: Stage, key: str | None, until: datetime | None
) -> None:
    new = NewRequest(caps={}, priority=8, ssh_key=key, keep_alive=60)
    _, request_id = run(world, stage, new)
    assert job_of(world, request_id).keep_alive_until == until


@pytest.mark.parametrize(
    ("limits", "length", "longest"),
    [
        (Limits(), HOUR, 24 * HOUR),
        (Limits(job_time=HOUR / 2), HOUR / 2, 24 * HOUR),
        (Limits(job_time=2 * HOUR), HOUR, 24 * HOUR),
        (Limits(prolong_time=HOUR / 4), HOUR, HOUR * 5 / 4),
        (Limits(job_time=HOUR / 2, prolong_time=HOUR), HOUR / 2, HOUR * 3 / 2),
        (Limits(prolong_time=48 * HOUR), HOUR, 24 * HOUR),
    ],
)
def test_an_account_bounds_its_jobs(
    world: DictWorld, stage: Stage, limits: Limits, length: timedelta, longest: timedelta
) -> None:
    world.put(Account(id=ANN.id, name="ann", role=Role.USER, created=NOW, limits=limits))
    uuid = stage.idle()
    filed = world.apply(requests.create(world, ANN, NewRequest(caps={}, priority=8), NOW))
    world.apply(jobs.grant(world, world.grant_of(filed.id, uuid), NOW))
    job = job_of(world, filed.id)
    assert (job.timeout - NOW, job.limit - NOW) == (length, longest)


def test_that_a_key_was_read_is_remembered_once_and_entered_each_time(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = run(world, stage)
    epoch = world.workers[uuid].epoch
    assert not job_of(world, request_id).key_read
    world.apply(jobs.read_key(world, LOCAL_ADMIN, request_id, epoch))
    assert job_of(world, request_id).key_read
    revision = world.requests[request_id].revision
    world.apply(jobs.read_key(world, LOCAL_ADMIN, request_id, epoch))
    assert world.requests[request_id].revision == revision
    assert [note.action for note in world.notes if note.action is Action.KEY_READ] == [
        Action.KEY_READ,
        Action.KEY_READ,
    ]
    with pytest.raises(WorkerNotAssignedError):
        jobs.read_key(world, LOCAL_ADMIN, request_id, epoch + 1)
    with pytest.raises(RequestNotFoundError):
        jobs.read_key(world, LOCAL_ADMIN, request_id + 1, epoch)
