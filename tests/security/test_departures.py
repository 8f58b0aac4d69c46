"""Threat: who was sent away, or lost a right, is still lent boards, or keeps those he has."""

from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.model.account import AccountChange, RunningJobs
from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.permission import Role
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import WorkerState
from tests.farm.lab import PLAIN, Lab, play

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8d0VqV0aN0f5o0rmJpGp1rYxk3v7K4m2Qn1bq5Xy1F bob@desk"
WITHIN = 0.9
"""Seconds; a second is promised."""

SENT_AWAY = {
    "removed": None,
    "disabled": AccountChange(disabled=True),
    "demoted": AccountChange(role=Role.VIEWER),
}
REASONS = {
    "removed": "the account bob was removed",
    "disabled": "the account bob was disabled",
    "demoted": "bob is viewer now, and may not be lent boards",
}


async def send_away(lab: Lab, how: str, jobs_then: RunningJobs | None = None) -> None:
    change = SENT_AWAY[how]
    if change is None:
        then = jobs_then or RunningJobs.END
        await lab.farm.accounts.remove_account(LOCAL_ADMIN, "bob", then)
    else:
        change = replace(change, running_jobs=jobs_then)
        await lab.farm.accounts.save_account(LOCAL_ADMIN, "bob", change)


async def shown(lab: Lab, request_id: int) -> Request:
    return await lab.farm.requests.get_request_info(LOCAL_ADMIN, request_id)


async def entered(lab: Lab, request_id: int) -> list[tuple[str, str, str | None]]:
    where = AuditFilter(subject=f"request {request_id}")
    entries = await lab.farm.audit.list_entries(LOCAL_ADMIN, where)
    return [(entry.actor, entry.action, entry.detail.get("reason")) for entry in entries]


@pytest.mark.parametrize("how", SENT_AWAY)
def test_a_waiting_request_of_who_was_sent_away_is_cancelled_not_granted(
    how: str, tmp_path: Path
) -> None:
    async def script(lab: Lab) -> None:
        bob = await lab.account("bob", Role.USER)
        own_key = await lab.filed(bob, replace(PLAIN, ssh_key=KEY))
        others = await lab.filed(await lab.account("ann", Role.USER))
        await send_away(lab, how)
        await lab.simulated.settle(WITHIN)
        request = await shown(lab, own_key)
        assert (request.state, request.reason) == (RequestState.CANCELLED, REASONS[how])
        assert await entered(lab, own_key) == [("farm", "request.closed", REASONS[how])]
        events = await lab.simulated.store.events(0, 1000)
        last = [event for event in events if event.request_id == own_key][-1]
        assert (last.kind, last.reason) == ("request.finished", REASONS[how])
        await lab.board(1)
        assert await lab.state(others) is RequestState.IN_PROGRESS

    play(tmp_path, script)


@pytest.mark.parametrize("how", SENT_AWAY)
def test_his_running_job_ends_unless_the_admin_lets_it_go_on(how: str, tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        for jobs_then, state in (
            (RunningJobs.KEEP, RequestState.IN_PROGRESS),
            (None, RequestState.DONE),
        ):
            bob = await lab.account("bob", Role.USER)
            uuid = await lab.board(1 if jobs_then else 2)
            running = await lab.filed(bob)
            assert await lab.state(running) is RequestState.IN_PROGRESS
            await send_away(lab, how, jobs_then)
            await lab.simulated.settle(WITHIN)
            request = await shown(lab, running)
            assert request.state is state
            worker = await lab.farm.workers.get_worker_info(LOCAL_ADMIN, uuid)
            if jobs_then is RunningJobs.KEEP:
                assert worker.state is WorkerState.RUNNING
                change = AccountChange(disabled=False, role=Role.USER)
                await lab.farm.accounts.save_account(LOCAL_ADMIN, "bob", change)
            else:
                assert request.reason == REASONS[how]
                assert worker.state is not WorkerState.RUNNING
                assert ("admin", "release", REASONS[how]) in await entered(lab, running)

    play(tmp_path, script)


def test_who_was_taken_out_of_a_group_gets_no_board_of_it_and_keeps_none(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        bob = await lab.account("bob", Role.USER, "kernel", "radio")
        await lab.board(1, "kernel")
        running = await lab.filed(bob)
        waiting = await lab.filed(bob)
        change = AccountChange(groups=("radio",))
        await lab.farm.accounts.save_account(LOCAL_ADMIN, "bob", change)
        await lab.simulated.settle(WITHIN)
        request = await shown(lab, running)
        words = "bob is in none of its board's groups any more"
        assert (request.state, request.reason) == (RequestState.DONE, words)
        left = await shown(lab, waiting)
        assert (left.state, left.owner_groups) == (RequestState.WAITING, frozenset({"radio"}))
        assert await entered(lab, waiting) == [
            ("farm", "request.changed", "its owner is in other groups: radio")
        ]
        await lab.board(2, "kernel")
        assert await lab.state(waiting) is RequestState.WAITING
        await lab.board(3, "radio")
        assert await lab.state(waiting) is RequestState.IN_PROGRESS

    play(tmp_path, script)
