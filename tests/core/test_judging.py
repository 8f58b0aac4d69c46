"""Rights are judged where a board is lent, in the transaction that lends it."""

from dataclasses import replace

import pytest

from boruta_farm.core import accounts, confirmation, jobs, judging, requests, workers
from boruta_farm.core.plan import Noted, Plan
from boruta_farm.model.account import Account, AccountChange, RunningJobs
from boruta_farm.model.audit import Action
from boruta_farm.model.errors import StaleProposalError
from boruta_farm.model.permission import Role
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState
from tests.core.conftest import Stage
from tests.core.people import ANN, ROOT, peopled
from tests.core.world import NOW, DictWorld

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8d0VqV0aN0f5o0rmJpGp1rYxk3v7K4m2Qn1bq5Xy1F ann@desk"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII8d0VqV0aN0f5o0rmJpGp1rYxk3v7K4m2Qn1bq5Xy1F"
ACCOUNT = Account(id=ANN.id, name="ann", role=Role.USER, created=NOW, groups=("kernel",))
LOSSES = {
    "disabled": replace(ACCOUNT, disabled=True),
    "demoted": replace(ACCOUNT, role=Role.AUDITOR),
    "taken out of its group": replace(ACCOUNT, groups=("radio",)),
    "removed": None,
}


def waiting(world: DictWorld, ssh_key: str | None = None) -> tuple[str, int]:
    """Have a board that serves kernel alone, and a request of Ann's for it."""
    peopled(world)
    uuid = Stage(world).idle()
    world.workers[uuid] = replace(world.workers[uuid], groups=("kernel",))
    new = NewRequest(caps={}, priority=8, ssh_key=ssh_key)
    return uuid, world.apply(requests.create(world, ANN, new, NOW)).id


def lose(world: DictWorld, how: str) -> None:
    account = LOSSES[how]
    if account is None:
        del world.people[Account, ANN.id]
    else:
        world.put(account)


@pytest.mark.parametrize("how", LOSSES)
def test_nothing_is_granted_to_who_may_not_have_it_any_more(how: str, world: DictWorld) -> None:
    uuid, number = waiting(world)
    proposal = world.grant_of(number, uuid)
    lose(world, how)
    with pytest.raises(StaleProposalError):
        jobs.grant(world, proposal, NOW)


@pytest.mark.parametrize("how", LOSSES)
def test_nothing_is_opened_to_him_either(how: str, world: DictWorld) -> None:
    uuid, number = waiting(world, KEY)
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    lose(world, how)
    world.apply(judging.opened(world, uuid, world.workers[uuid].epoch, NOW))
    request = world.requests[number]
    assert request.live_job is None
    assert world.workers[uuid].state is WorkerState.PREPARE
    waits = how == "taken out of its group"
    assert request.state is (RequestState.WAITING if waits else RequestState.CANCELLED)
    if waits:
        assert request.owner_groups == frozenset({"radio"})


def test_judging_aborts_an_opening_on_a_board_that_does_not_serve_him_any_more(
    world: DictWorld,
) -> None:
    uuid, number = waiting(world, KEY)
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    assert not judging.judge(world, number, NOW).steps
    lose(world, "taken out of its group")
    assert world.apply(judging.judge(world, number, NOW))
    request = world.requests[number]
    assert (request.state, request.job) == (RequestState.WAITING, None)
    assert request.owner_groups == frozenset({"radio"})
    assert world.workers[uuid].state is WorkerState.PREPARE
    assert not world.apply(judging.judge(world, number, NOW))


@pytest.mark.parametrize("how", ["disabled", "demoted", "removed"])
@pytest.mark.parametrize("ending", ["not confirmed", "failed"])
def test_a_kept_job_whose_board_never_knew_of_it_does_not_wait_again(
    how: str, ending: str, world: DictWorld
) -> None:
    uuid, number = waiting(world)
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    lose(world, how)
    if ending == "failed":
        world.apply(workers.set_fail(world, uuid, "it broke", NOW))
    else:
        epoch = world.workers[uuid].epoch
        world.apply(confirmation.unconfirmed(world, uuid, epoch, NOW, "silent", used=False))
        assert "ann" in (world.requests[number].reason or "")
    request = world.requests[number]
    assert (request.state, request.live_job) == (RequestState.FAILED, None)


@pytest.mark.parametrize("how", LOSSES)
@pytest.mark.parametrize("keep", [False, True])
def test_a_running_job_ends_with_the_right_to_it_unless_it_is_kept(
    how: str, keep: bool, world: DictWorld
) -> None:
    uuid, number = waiting(world)
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    before, account = world.requests[number], LOSSES[how]
    gone = account is None
    steps = judging.judge_running(world, account or ACCOUNT, NOW, removed=gone, keep=keep)
    world.apply(Plan(answer=None, steps=steps))
    request = world.requests[number]
    if not keep:
        assert (request.state, request.finished) == (RequestState.DONE, NOW)
        assert "ann" in (request.reason or "")
        assert world.workers[uuid].state is WorkerState.PREPARE
    elif how == "taken out of its group":
        regrouped = replace(before, owner_groups=frozenset({"radio"}), revision=before.revision + 1)
        assert request == regrouped
    else:
        assert steps == ()


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("keep", [None, RunningJobs.KEEP])
def test_a_job_of_a_removed_key_ends_where_the_farm_is_set_so(
    wanted: bool, keep: RunningJobs | None
) -> None:
    world = DictWorld(FarmSettings(end_removed_keys=wanted))
    uuid, number = waiting(world, KEY)
    world.apply(accounts.save_account(world, ROOT, "ann", AccountChange(ssh_keys=(KEY,)), NOW))
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    world.apply(judging.opened(world, uuid, world.workers[uuid].epoch, NOW))
    other = AccountChange(ssh_keys=(KEY, OTHER))
    world.apply(accounts.save_account(world, ROOT, "ann", other, NOW))
    assert world.requests[number].state is RequestState.IN_PROGRESS
    less = AccountChange(ssh_keys=(OTHER,), running_jobs=keep)
    world.apply(accounts.save_account(world, ROOT, "ann", less, NOW))
    request = world.requests[number]
    if wanted and keep is None:
        assert request.state is RequestState.DONE
        assert request.reason == "its SSH key was taken off the account ann"
        assert world.workers[uuid].state is WorkerState.PREPARE
    else:
        assert request.state is RequestState.IN_PROGRESS


def test_what_opens_is_judged_when_it_is_open(world: DictWorld) -> None:
    uuid, number = waiting(world, KEY)
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    disabled = replace(ACCOUNT, disabled=True)
    assert judging.judge_running(world, disabled, NOW) == ()
    world.apply(judging.opened(world, uuid, world.workers[uuid].epoch, NOW))
    assert world.requests[number].state is RequestState.IN_PROGRESS
    assert judging.judge_running(world, disabled, NOW) != ()


def test_a_job_whose_owner_may_still_have_its_board_goes_on_for_his_present_groups(
    world: DictWorld,
) -> None:
    uuid, number = waiting(world)
    assert judging.judge_running(world, ACCOUNT, NOW) == (), "what waits is judged by itself"
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    assert judging.judge_running(world, ACCOUNT, NOW) == ()
    both = replace(ACCOUNT, groups=("kernel", "radio"))
    world.apply(Plan(answer=None, steps=judging.judge_running(world, both, NOW)))
    request = world.requests[number]
    assert (request.state, request.owner_groups) == (
        RequestState.IN_PROGRESS,
        frozenset(both.groups),
    )
    assert not world.apply(judging.judge(world, number, NOW))


def test_what_became_of_a_waiting_request_is_entered_into_the_audit(world: DictWorld) -> None:
    _, number = waiting(world)
    assert not world.apply(judging.judge(world, number + 1, NOW)), "there is none"
    world.put(replace(ACCOUNT, groups=("kernel", "radio")))
    plan = judging.judge(world, number, NOW)
    before = world.requests[number].revision
    assert world.apply(plan)
    assert world.requests[number].owner_groups == frozenset({"kernel", "radio"})
    assert world.requests[number].revision == before + 1
    (note,) = [step.note for step in plan.steps if isinstance(step, Noted)]
    assert (note.action, note.subject) == (Action.REQUEST_CHANGED, f"request {number}")
    assert note.detail == {
        "owner": "ann",
        "reason": "its owner is in other groups: kernel, radio",
    }
    world.put(replace(ACCOUNT, disabled=True))
    plan = judging.judge(world, number, NOW)
    assert world.apply(plan)
    assert world.requests[number].state is RequestState.CANCELLED
    assert [step.note.action for step in plan.steps if isinstance(step, Noted)] == [
        Action.REQUEST_CLOSED
    ]
