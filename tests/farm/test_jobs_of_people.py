"""A whole farm whose boards are lent to people: who gets keys, and what the audit says of it."""

import asyncio
from pathlib import Path

import pytest

from boruta_farm.model.account import GroupChange
from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import ForbiddenError, WorkerNotAssignedError
from boruta_farm.model.permission import Role
from boruta_farm.model.request import RequestState
from tests.farm.lab import Lab, play


def test_a_board_in_a_group_serves_that_group_and_one_in_none_everybody(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        ann = await lab.account("ann", Role.USER, "kernel")
        bob = await lab.account("bob", Role.USER, "radio")
        await lab.board(1, "kernel")
        bobs, anns = await lab.filed(bob), await lab.filed(ann)
        assert await lab.state(bobs) is RequestState.WAITING
        assert await lab.state(anns) is RequestState.IN_PROGRESS
        await lab.board(2)
        assert await lab.state(bobs) is RequestState.IN_PROGRESS

    play(tmp_path, script)


def test_keys_are_for_the_owner_and_for_group_admins_where_configured(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        requests = lab.farm.requests
        ann = await lab.account("ann", Role.USER, "kernel")
        chief = await lab.account("chief", Role.GROUP_ADMIN, "kernel")
        others = [
            await lab.account("bob", Role.USER, "kernel"),
            await lab.account("other", Role.GROUP_ADMIN, "radio"),
            await lab.account("second", Role.ADMIN),
            await lab.account("eve", Role.AUDITOR),
        ]
        await lab.board(1)
        request_id = await lab.filed(ann)
        access = await requests.acquire_worker(ann, request_id)
        assert access.key
        for caller in (*others, chief):
            with pytest.raises(ForbiddenError):
                await requests.acquire_worker(caller, request_id)
        change = GroupChange(keys_for_admins=True)
        await lab.farm.accounts.save_group(LOCAL_ADMIN, "kernel", change)
        assert await requests.acquire_worker(chief, request_id) == access
        for caller in others:
            with pytest.raises(ForbiddenError):
                await requests.acquire_worker(caller, request_id)

    play(tmp_path, script)


def test_grants_keys_and_releases_are_entered_and_sealed(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        sealing = asyncio.create_task(lab.farm.sealer.keep_sealing())
        ann = await lab.account("ann", Role.USER, "kernel")
        uuid = await lab.board(1)
        request_id = await lab.filed(ann)
        await lab.farm.requests.acquire_worker(ann, request_id)
        await lab.farm.requests.close_request(ann, request_id)
        with pytest.raises(WorkerNotAssignedError):
            await lab.farm.requests.acquire_worker(ann, request_id)
        await asyncio.sleep(1)
        where = AuditFilter(subject=f"request {request_id}")
        entries = await lab.farm.audit.list_entries(LOCAL_ADMIN, where)
        assert [(entry.actor, entry.action) for entry in entries] == [
            ("farm", "grant"),
            ("ann", "key.read"),
            ("ann", "release"),
        ]
        assert all(entry.detail["worker"] == uuid for entry in entries)
        boards = await lab.farm.audit.list_entries(
            LOCAL_ADMIN, AuditFilter(subject=f"worker {uuid}")
        )
        assert {"worker.registered", "worker.state"} <= {entry.action for entry in boards}
        verified = await lab.farm.audit.verify(LOCAL_ADMIN)
        assert (verified.broken, verified.unsealed) == (None, 0)
        sealing.cancel()

    play(tmp_path, script)


def test_the_chain_goes_on_after_a_crash(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        while await lab.farm.sealer.seal():
            pass
        before = await lab.farm.audit.verify(LOCAL_ADMIN)
        await lab.account("ann", Role.USER, "kernel")
        await lab.simulated.crash()
        await lab.simulated.start()
        farm = lab.simulated.farm
        unsealed = await farm.audit.verify(LOCAL_ADMIN)
        assert unsealed.unsealed == 2
        sealing = asyncio.create_task(farm.sealer.keep_sealing())
        await asyncio.sleep(1)
        after = await farm.audit.verify(LOCAL_ADMIN)
        assert (after.broken, after.unsealed) == (None, 0)
        assert after.entries == before.entries + 2
        sealing.cancel()

    play(tmp_path, script)
