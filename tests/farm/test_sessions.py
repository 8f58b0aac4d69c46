"""A whole farm whose boards are shared: keys on the board, and who is there."""

import asyncio
from pathlib import Path

import pytest

from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import (
    AgentUnreachableError,
    ForbiddenError,
    SharingError,
    WorkerNotAssignedError,
)
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.permission import Role
from boruta_farm.model.request import OpenSessions
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.boards import Manner, SimulatedBoard
from tests.core.test_sharing import key
from tests.farm.lab import UUID, Lab, play


async def person(lab: Lab, name: str, *groups: str) -> Caller:
    """Make an account with a key of its own."""
    made = await lab.account(name, Role.USER, *groups)
    change = AccountChange(ssh_keys=(f"{key(name)} {name}@desk",))
    await lab.farm.accounts.save_account(made, name, change)
    return made


def board_of(lab: Lab) -> SimulatedBoard:
    """Return the first board."""
    return lab.simulated.boards[UUID.format(1)]


def installed(lab: Lab) -> tuple[str, ...]:
    """Return the keys that open the first board's session beside its own."""
    return board_of(lab).keys


def test_a_shared_session_takes_both_keys_and_tells_both_who_is_there(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        requests = lab.farm.requests
        ann, bob = await person(lab, "ann"), await person(lab, "bob")
        eve = await person(lab, "eve")
        await lab.board(1)
        number = await lab.filed(ann)
        board = board_of(lab)
        assert installed(lab) == (key("ann"),)
        with pytest.raises(ForbiddenError):
            await requests.acquire_worker(bob, number)
        shared = await requests.share_request(ann, number, "bob")
        assert shared.job is not None
        assert not shared.job.keys_pending
        assert installed(lab) == (key("ann"), key("bob"))
        access = await requests.acquire_worker(bob, number)
        assert access.key == "", "he comes with his own key"
        assert (await requests.acquire_worker(ann, number)).key
        own = (board.key or "").split()
        board.visits = {key("bob"): 2, " ".join(own[:2]): 1, key("ann"): 1, "": 1}
        for who in (ann, bob):
            assert await requests.list_sessions(who, number) == (
                OpenSessions(account="ann", count=2),
                OpenSessions(account="bob", count=2),
                OpenSessions(account=None, count=1),
            )
        with pytest.raises(ForbiddenError):
            await requests.list_sessions(eve, number)
        for call in (requests.close_request, requests.prolong_access, requests.keep_alive):
            with pytest.raises(ForbiddenError):
                await call(bob, number)
        with pytest.raises(ForbiddenError):
            await requests.share_request(bob, number, "eve")
        found = await requests.list_requests(bob, RequestFilter(shared_with=bob.id))
        assert [request.id for request in found.items] == [number]
        narrowed = RequestFilter(shared_with=bob.id, selector="owner = ann")
        assert (await requests.list_requests(bob, narrowed)).total == 1
        assert not (await requests.list_requests(eve, RequestFilter(shared_with=eve.id))).items
        await requests.unshare_request(ann, number, "bob")
        assert installed(lab) == (key("ann"),)
        assert key("bob") not in board.visits
        with pytest.raises(ForbiddenError):
            await requests.acquire_worker(bob, number)
        await requests.close_request(ann, number)
        with pytest.raises(WorkerNotAssignedError):
            await requests.list_sessions(ann, number)

    play(tmp_path, script)


def test_a_disabled_account_is_off_the_board_within_a_second(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        ann, _ = await person(lab, "ann"), await person(lab, "bob")
        await lab.board(1)
        number = await lab.filed(ann)
        await lab.farm.requests.share_request(ann, number, "bob")
        board = board_of(lab)
        board.visits = {key("bob"): 1, key("ann"): 1}
        await lab.farm.accounts.save_account(LOCAL_ADMIN, "bob", AccountChange(disabled=True))
        await asyncio.sleep(1)
        assert installed(lab) == (key("ann"),)
        assert board.visits == {key("ann"): 1}

    play(tmp_path, script)


def test_a_board_that_is_away_takes_the_keys_when_it_is_back_and_is_not_blamed(
    tmp_path: Path,
) -> None:
    async def script(lab: Lab) -> None:
        requests = lab.farm.requests
        ann, _ = await person(lab, "ann"), await person(lab, "bob")
        await lab.board(1)
        number = await lab.filed(ann)
        board = board_of(lab)
        board.manner = Manner.BADLY
        shared = await requests.share_request(ann, number, "bob")
        assert shared.job is not None
        assert shared.job.keys_pending
        with pytest.raises(AgentUnreachableError):
            await requests.list_sessions(ann, number)
        board.manner = Manner.WELL
        await asyncio.sleep(2)
        assert installed(lab) == (key("ann"), key("bob"))
        request = await requests.get_request_info(ann, number)
        assert request.job is not None
        assert not request.job.keys_pending

    play(tmp_path, script)


def test_an_agent_of_the_version_before_takes_one_key(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        requests = lab.farm.requests
        ann, bob = await person(lab, "ann"), await person(lab, "bob")
        number = await lab.filed(ann)
        await requests.share_request(ann, number, "bob")
        board = SimulatedBoard(uuid=UUID.format(1), caps={}, many_keys=False)
        await lab.simulated.connect(board)
        await lab.farm.workers.set_state(LOCAL_ADMIN, board.uuid, WorkerState.IDLE)
        await lab.simulated.settle()
        assert board.granted is not None
        assert board.keys_sequence == 0, "it is not asked what it does not know"
        for call in (requests.acquire_worker, requests.list_sessions):
            with pytest.raises(SharingError, match="takes one key only"):
                await call(bob, number)
        assert (await requests.acquire_worker(ann, number)).key

    play(tmp_path, script)


def test_a_group_mate_joins_where_the_group_lets_him(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        ann, bob = await person(lab, "ann", "kernel"), await person(lab, "bob", "kernel")
        await lab.board(1)
        number = await lab.filed(ann)
        with pytest.raises(ForbiddenError):
            await lab.farm.requests.share_request(bob, number)
        await lab.farm.accounts.save_group(LOCAL_ADMIN, "kernel", GroupChange(members_join=True))
        await lab.farm.requests.share_request(bob, number)
        assert installed(lab) == (key("ann"), key("bob"))
        await lab.farm.requests.unshare_request(bob, number)
        assert installed(lab) == (key("ann"),)

    play(tmp_path, script)
