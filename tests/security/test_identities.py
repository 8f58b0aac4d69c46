"""Threat: somebody is taken for another, who had the same name before him."""

from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.matching.learning import use_of
from boruta_farm.matching.policies.ledger import OWNER
from boruta_farm.model.account import RunningJobs
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import ForbiddenError
from boruta_farm.model.permission import Role
from boruta_farm.model.request import RequestState
from tests.farm.lab import PLAIN, Lab, play

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8d0VqV0aN0f5o0rmJpGp1rYxk3v7K4m2Qn1bq5Xy1F bob@desk"


def test_a_new_account_under_a_removed_one_s_name_inherits_nothing(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        requests, accounts = lab.farm.requests, lab.farm.accounts
        await lab.board(1)
        first = await lab.account("bob", Role.USER)
        filing = replace(PLAIN, idempotency_key="nightly", body_hash="hash")
        running = await lab.filed(first, filing)
        own_key = await lab.filed(first, replace(PLAIN, ssh_key=KEY))
        assert (await requests.acquire_worker(first, running)).key
        await accounts.remove_account(LOCAL_ADMIN, "bob", RunningJobs.KEEP)
        second = await lab.account("bob", Role.USER)
        assert second.name == first.name
        for act in (requests.acquire_worker, requests.close_request, requests.prolong_access):
            with pytest.raises(ForbiddenError):
                await act(second, running)
        seen = await requests.get_request_info(second, own_key)
        assert (seen.owner_name, seen.ssh_key) == ("bob", None)
        repeated = await lab.filed(second, filing)
        assert repeated not in (running, own_key), "the other's Idempotency-Key is not his"

    play(tmp_path, script)


def test_what_another_of_the_name_has_used_is_not_charged(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.board(1)
        first = await lab.account("bob", Role.USER)
        request_id = await lab.filed(first)
        assert await lab.state(request_id) is RequestState.IN_PROGRESS
        await lab.simulated.settle(60)
        await lab.farm.requests.close_request(first, request_id)
        await lab.farm.accounts.remove_account(LOCAL_ADMIN, "bob")
        second = await lab.account("bob", Role.USER)
        subjects = {one.subject for one in (await lab.simulated.store.snapshot()).summaries}
        assert use_of(OWNER, first.id) in subjects
        assert use_of(OWNER, second.id) not in subjects

    play(tmp_path, script)


def test_the_local_admin_s_boards_are_not_those_of_an_account_of_his_name(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.board(1)
        request_id = await lab.filed(LOCAL_ADMIN)
        admin = await lab.account("admin", Role.ADMIN)
        assert admin.name == LOCAL_ADMIN.name
        with pytest.raises(ForbiddenError):
            await lab.farm.requests.acquire_worker(admin, request_id)

    play(tmp_path, script)
