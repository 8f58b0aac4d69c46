"""Boards that are out of service are lent to who looks after them, and go back there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core import confirmation, jobs, judging, registration, requests, restoring, workers
from boruta_farm.core.auditing import notes_of
from boruta_farm.core.plan import Plan, WorkerSaved
from boruta_farm.model.account import Account
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import (
    BorrowError,
    ForbiddenError,
    StaleProposalError,
    WorkerNotFoundError,
)
from boruta_farm.model.job import JobPhase
from boruta_farm.model.permission import Role
from boruta_farm.model.request import NewRequest, RequestState, RequestUpdate
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import UUID_CAPABILITY, Fence, SessionKey, Worker, WorkerState
from tests.core.conftest import Stage
from tests.core.people import ANN, CHIEF, ROOT, peopled
from tests.core.world import NOW, DictWorld
from tests.core.world import registration as told

MAINTENANCE, FAILED, PREPARE = WorkerState.MAINTENANCE, WorkerState.FAILED, WorkerState.PREPARE
IDLE, RUNNING, BUSY = WorkerState.IDLE, WorkerState.RUNNING, WorkerState.BUSY
WHY = "its fan is loud"


class Case:
    """One board out of service, and what becomes of it."""

    def __init__(self, world: DictWorld, stage: Stage) -> None:
        self.world = world
        self.uuid = stage.idle()

    @property
    def worker(self) -> Worker:
        return self.world.workers[self.uuid]

    def aside(self, state: WorkerState) -> None:
        """Put it out of service."""
        if state is FAILED:
            self.world.apply(workers.set_fail(self.world, self.uuid, WHY, NOW))
        else:
            self.world.apply(workers.set_state(self.world, self.uuid, MAINTENANCE, NOW, WHY))
            self.clean()

    def borrow(self, caller: Caller = LOCAL_ADMIN, /, **more: object) -> int:
        new = NewRequest(caps={UUID_CAPABILITY: self.uuid}, priority=8, borrow=True)
        wanted = replace(new, **more)  # type: ignore[arg-type]  # as given
        return self.world.apply(requests.create(self.world, caller, wanted, NOW)).id

    def prepare(self) -> None:
        """Be proved clean, with a key."""
        epoch = self.worker.epoch
        key = SessionKey(worker=self.uuid, epoch=epoch, public="ssh-rsa A", sealed=b"sealed")
        plan = workers.prepared(self.world, self.uuid, epoch, key, "user", None, NOW)
        self.world.apply(plan)

    def clean(self) -> None:
        self.world.apply(workers.cleaned(self.world, self.uuid, self.worker.epoch, NOW))

    def lend(self, state: WorkerState) -> int:
        """Put it aside, and lend it from there."""
        self.aside(state)
        number = self.borrow()
        self.prepare()
        return number

    def at(self) -> tuple[WorkerState, str | None]:
        return self.worker.state, self.worker.reason

    def rests(self, state: WorkerState) -> bool:
        """Tell whether it is where it was, and nothing is left of its being borrowed."""
        left = (self.worker.borrower, self.worker.borrowed_from, self.worker.after_job)
        return self.at() == (state, WHY) and left == (None, None, False)


@pytest.fixture
def case(world: DictWorld, stage: Stage) -> Case:
    return Case(world, stage)


@pytest.mark.parametrize("state", [MAINTENANCE, FAILED])
def test_it_is_prepared_lent_cleaned_and_back(
    world: DictWorld, case: Case, state: WorkerState
) -> None:
    case.aside(state)
    before = case.worker.epoch
    number = case.borrow()
    assert case.at() == (PREPARE, WHY)
    assert case.worker.epoch == before + 1
    assert case.worker.offered is state
    case.prepare()
    request = world.requests[number]
    assert request.state is RequestState.IN_PROGRESS
    assert request.job is not None
    assert (request.job.worker, request.job.epoch) == (case.uuid, before + 1)
    assert request.job.phase is JobPhase.LIVE
    assert case.at() == (RUNNING, WHY)
    assert case.worker.offered is state
    world.apply(requests.close(world, number, NOW))
    assert case.at() == (BUSY, WHY)
    assert case.worker.epoch == before + 2
    case.clean()
    assert case.rests(state)


def test_nobody_else_gets_it(world: DictWorld, case: Case, stage: Stage) -> None:
    case.aside(MAINTENANCE)
    other = stage.waiting()
    case.borrow()
    case.prepare()
    with pytest.raises(StaleProposalError):
        jobs.grant(world, world.grant_of(other, case.uuid), NOW)
    assert world.requests[other].state is RequestState.WAITING


def test_one_that_waits_to_borrow_is_lent_nothing_else(
    world: DictWorld, case: Case, stage: Stage
) -> None:
    case.aside(MAINTENANCE)
    number = case.borrow()
    other = stage.idle(2)
    with pytest.raises(StaleProposalError):
        jobs.grant(world, world.grant_of(number, other), NOW)


@pytest.mark.parametrize("state", [MAINTENANCE, FAILED])
def test_a_request_that_is_closed_meanwhile_sends_it_back(
    world: DictWorld, case: Case, state: WorkerState
) -> None:
    case.aside(state)
    number = case.borrow()
    world.apply(requests.close(world, number, NOW))
    case.prepare()
    assert case.at() == (BUSY, WHY)
    case.clean()
    assert case.rests(state)


@pytest.mark.parametrize("state", [MAINTENANCE, FAILED])
def test_what_cannot_be_prepared_fails_the_request(
    world: DictWorld, case: Case, state: WorkerState
) -> None:
    case.aside(state)
    number = case.borrow()
    world.apply(workers.failed(world, case.uuid, case.worker.epoch, NOW, "a process stays"))
    request = world.requests[number]
    assert (request.state, request.job) == (RequestState.FAILED, None)
    assert "a process stays" in (request.reason or "")
    assert case.worker.state is FAILED


@pytest.mark.parametrize("lent", [False, True])
def test_what_fails_while_borrowed_out_of_maintenance_does_not_recover_into_service(
    world: DictWorld, case: Case, lent: bool
) -> None:
    case.aside(MAINTENANCE)
    number = case.borrow()
    if lent:
        case.prepare()
    world.apply(workers.failed(world, case.uuid, case.worker.epoch, NOW, "hot"))
    assert world.requests[number].state is RequestState.FAILED
    assert case.at() == (FAILED, "hot")
    world.apply(workers.recovered(world, case.uuid, case.worker.epoch, NOW))
    assert case.worker.state is BUSY
    case.clean()
    assert case.at() == (MAINTENANCE, "hot")
    assert case.worker.borrowed_from is None


def test_what_fails_while_borrowed_out_of_failed_recovers_as_ever(
    world: DictWorld, case: Case
) -> None:
    case.lend(FAILED)
    world.apply(workers.failed(world, case.uuid, case.worker.epoch, NOW, "hot"))
    world.apply(workers.recovered(world, case.uuid, case.worker.epoch, NOW))
    case.prepare()
    assert case.worker.state is IDLE


def test_a_job_that_the_board_does_not_know_of_waits_for_the_same_board(
    world: DictWorld, case: Case
) -> None:
    number = case.lend(MAINTENANCE)
    epoch = case.worker.epoch
    world.apply(confirmation.unconfirmed(world, case.uuid, epoch, NOW, "silent", used=False))
    assert world.requests[number].state is RequestState.WAITING
    assert case.at() == (PREPARE, WHY)
    case.prepare()
    assert world.requests[number].state is RequestState.IN_PROGRESS
    world.apply(requests.close(world, number, NOW))
    case.clean()
    assert case.rests(MAINTENANCE)


@pytest.mark.parametrize("lent", [False, True])
def test_an_admin_may_take_it_into_service_after_the_job(
    world: DictWorld, case: Case, lent: bool
) -> None:
    case.aside(MAINTENANCE)
    number = case.borrow()
    if lent:
        case.prepare()
    world.apply(workers.set_state(world, case.uuid, IDLE, NOW))
    assert case.worker.state is (RUNNING if lent else PREPARE)
    if not lent:
        case.prepare()
    assert world.requests[number].state is RequestState.IN_PROGRESS
    world.apply(requests.close(world, number, NOW))
    case.prepare()
    assert case.worker.state is IDLE
    assert case.worker.borrower is None


def test_one_taken_into_service_whose_request_is_closed_is_idle(
    world: DictWorld, case: Case
) -> None:
    case.aside(MAINTENANCE)
    number = case.borrow()
    world.apply(workers.set_state(world, case.uuid, IDLE, NOW))
    world.apply(requests.close(world, number, NOW))
    case.prepare()
    assert (case.worker.state, case.worker.borrower) == (IDLE, None)


@pytest.mark.parametrize("lent", [False, True])
@pytest.mark.parametrize("state", [MAINTENANCE, FAILED])
def test_an_admin_may_set_it_aside_at_once(
    world: DictWorld, case: Case, state: WorkerState, lent: bool
) -> None:
    case.aside(state)
    number = case.borrow()
    if lent:
        case.prepare()
    world.apply(workers.set_state(world, case.uuid, MAINTENANCE, NOW, "mine"))
    assert world.requests[number].state is RequestState.FAILED
    assert "mine" in (world.requests[number].reason or "")
    assert case.at() == (BUSY, "mine")
    case.clean()
    assert case.at() == (MAINTENANCE, "mine")


def test_one_that_failed_may_be_set_aside_after_the_job(world: DictWorld, case: Case) -> None:
    number = case.lend(FAILED)
    later = workers.set_state(world, case.uuid, MAINTENANCE, NOW, "mine", after_job=True)
    world.apply(later)
    world.apply(requests.close(world, number, NOW))
    case.clean()
    assert case.at() == (MAINTENANCE, "mine")


@pytest.mark.parametrize("state", [MAINTENANCE, FAILED])
@pytest.mark.parametrize("lent", [False, True])
def test_one_that_comes_back_changed_stays_in_maintenance(
    world: DictWorld, case: Case, state: WorkerState, lent: bool
) -> None:
    world.settings = replace(FarmSettings(), idle_again=True)
    case.aside(state)
    number = case.borrow()
    if lent:
        case.prepare()
    changed = replace(told(1), caps={**told(1).caps, "new": "yes"}, epoch=case.worker.epoch)
    world.apply(registration.register(world, changed, NOW))
    if lent:
        world.apply(requests.close(world, number, NOW))
    else:
        assert world.requests[number].state is RequestState.FAILED
    case.clean()
    assert case.worker.state is MAINTENANCE


@pytest.mark.parametrize("state", [MAINTENANCE, FAILED])
def test_a_restored_farm_leaves_it_out_of_service(
    world: DictWorld, case: Case, state: WorkerState
) -> None:
    number = case.lend(state)
    world.apply(restoring.start_over(world, case.uuid, NOW, "restored"))
    assert world.requests[number].state is RequestState.FAILED
    assert case.worker.state is (BUSY if state is MAINTENANCE else PREPARE)


@pytest.mark.parametrize("state", [IDLE, RUNNING, BUSY, PREPARE])
def test_what_is_in_service_is_not_borrowed(
    world: DictWorld, case: Case, state: WorkerState
) -> None:
    world.workers[case.uuid] = replace(case.worker, state=state)
    with pytest.raises(BorrowError) as refused:
        case.borrow()
    assert refused.value.standing is not None
    assert not world.requests


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fence": Fence.NONE}, "nothing there proves that it is clean"),
        ({"unreachable_since": NOW}, "out of reach"),
    ],
)
def test_what_cannot_be_proved_clean_is_not_borrowed(
    world: DictWorld, case: Case, change: dict[str, object], words: str
) -> None:
    case.aside(MAINTENANCE)
    world.workers[case.uuid] = replace(case.worker, **change)  # type: ignore[arg-type]  # as given
    with pytest.raises(BorrowError, match=words):
        case.borrow()


@pytest.mark.parametrize(
    "wish",
    [
        {"caps": None},
        {"caps": {"board": "rpi4"}},
        {"selector": "ram >= 2"},
        {"ssh_key": "ssh-ed25519 AAAA"},
        {"valid_after": NOW + timedelta(hours=1)},
        {"image": "https://images.example/a"},
        {"boot_until": "login:"},
    ],
)
def test_only_one_certain_board_is_borrowed_at_once(case: Case, wish: dict[str, object]) -> None:
    case.aside(MAINTENANCE)
    with pytest.raises(BorrowError):
        case.borrow(**wish)


def test_what_is_not_there_is_not_borrowed(case: Case) -> None:
    with pytest.raises(WorkerNotFoundError):
        case.borrow(caps={UUID_CAPABILITY: "nobody"})


def test_what_is_asked_for_stays(world: DictWorld, case: Case) -> None:
    case.aside(MAINTENANCE)
    number = case.borrow()
    with pytest.raises(BorrowError, match="close it"):
        requests.update(world, number, RequestUpdate(caps={}), NOW)
    world.apply(requests.update(world, number, RequestUpdate(priority=3), NOW))


def test_only_who_looks_after_it_may(world: DictWorld, case: Case) -> None:
    peopled(world)
    case.aside(MAINTENANCE)
    for caller in (ANN, CHIEF):
        with pytest.raises(ForbiddenError):
            case.borrow(caller)
    world.workers[case.uuid] = replace(case.worker, groups=("kernel",))
    number = case.borrow(CHIEF)
    case.prepare()
    assert world.requests[number].state is RequestState.IN_PROGRESS


def test_an_admin_of_no_group_has_the_board_of_any(world: DictWorld, case: Case) -> None:
    peopled(world)
    case.aside(MAINTENANCE)
    world.workers[case.uuid] = replace(case.worker, groups=("radio",))
    number = case.borrow(ROOT)
    case.prepare()
    assert world.requests[number].state is RequestState.IN_PROGRESS


@pytest.mark.parametrize("lent", [False, True])
def test_who_looks_after_it_no_more_has_it_no_longer(
    world: DictWorld, case: Case, lent: bool
) -> None:
    peopled(world)
    case.aside(MAINTENANCE)
    number = case.borrow(ROOT)
    if lent:
        case.prepare()
    account = world.account(ROOT.id)
    assert account is not None
    demoted = replace(account, role=Role.USER)
    world.people[Account, ROOT.id] = demoted
    if lent:
        world.apply(Plan(answer=None, steps=judging.judge_running(world, demoted, NOW)))
        assert world.requests[number].state is RequestState.DONE
    else:
        case.prepare()
        assert world.requests[number].state is RequestState.FAILED
        assert "root does not look after it any more" in (world.requests[number].reason or "")
    assert case.worker.state is BUSY
    case.clean()
    assert case.rests(MAINTENANCE)


def test_the_audit_tells_for_which_request_it_was_taken(world: DictWorld, case: Case) -> None:
    peopled(world)
    case.aside(MAINTENANCE)
    new = NewRequest(caps={UUID_CAPABILITY: case.uuid}, priority=8, borrow=True)
    plan = requests.create(world, ROOT, new, NOW)
    [step] = [step for step in plan.steps if isinstance(step, WorkerSaved)]
    [note] = notes_of(step, ROOT)
    assert (note.actor, note.action) == ("root", "worker.state")
    assert note.detail["request"] == str(plan.answer.id)
