"""Who is calling: told from memory, true as soon as a change is committed."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.farm.directory import Directory
from boruta_farm.model.account import AccountChange, GroupChange, Limits
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import UnauthenticatedError, UnavailableError
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import NewToken, TokenKind
from boruta_farm.store.base import PeopleSnapshot
from tests.farm.people import SOURCE, peopled_farm


async def test_without_users_everybody_is_the_local_admin(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path, users=False) as people:
        directory = people.farm.directory
        assert directory.open
        assert directory.admit(None, SOURCE) is LOCAL_ADMIN
        assert directory.admit("anything", SOURCE) is LOCAL_ADMIN


async def test_the_first_account_closes_the_farm(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path, users=False) as people:
        change = AccountChange(role=Role.ADMIN)
        await people.farm.accounts.save_account(LOCAL_ADMIN, "root", change)
        assert not people.farm.directory.open
        with pytest.raises(UnauthenticatedError, match="boruta login"):
            people.farm.directory.admit(None, SOURCE)


async def test_a_token_names_its_account(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        assert (root.name, root.role, root.groups) == ("admin", Role.ADMIN, frozenset())
        issued = await people.account(root, "ann", "kernel", scope=Scope.REQUEST)
        ann = people.farm.directory.admit(issued.secret, SOURCE)
        assert (ann.name, ann.role, ann.groups) == ("ann", Role.USER, frozenset({"kernel"}))
        assert (ann.scope, ann.token, ann.source) == (Scope.REQUEST, issued.token.id, SOURCE)


@pytest.mark.parametrize("change", ["x", "", "-"])
async def test_a_wrong_token_is_nobody_s(tmp_path: Path, change: str) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        issued = await people.account(root, "ann")
        wrong = issued.secret[:-1] + change if change != "-" else issued.secret.upper()
        if wrong == issued.secret:
            wrong += "y"
        with pytest.raises(UnauthenticatedError) as refusal:
            people.farm.directory.admit(wrong, SOURCE)
        assert issued.secret[20:] not in refusal.value.message


async def test_one_time_tokens_make_no_calls(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        begun = await people.farm.tokens.begin()
        assert begun is not None
        with pytest.raises(UnauthenticatedError, match="boruta login"):
            people.farm.directory.admit(begun.secret, SOURCE)


async def test_a_revoked_token_is_dead_when_revoke_returns(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        issued = await people.account(root, "ann")
        ann = people.farm.directory.admit(issued.secret, SOURCE)
        watching = asyncio.create_task(people.farm.directory.turned_away(ann))
        await asyncio.sleep(0)
        assert not watching.done()
        await people.farm.tokens.revoke(root, issued.token.id)
        with pytest.raises(UnauthenticatedError):
            people.farm.directory.admit(issued.secret, SOURCE)
        await asyncio.wait_for(watching, 10)


async def test_changes_of_the_account_count_at_once(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        issued = await people.account(root, "ann", "kernel")
        people.farm.directory.admit(issued.secret, SOURCE)
        await people.farm.accounts.save_account(root, "ann", AccountChange(groups=()))
        assert people.farm.directory.admit(issued.secret, SOURCE).groups == frozenset()
        await people.farm.accounts.save_account(root, "ann", AccountChange(disabled=True))
        with pytest.raises(UnauthenticatedError, match="ann cannot be used"):
            people.farm.directory.admit(issued.secret, SOURCE)


async def test_an_expired_token_is_dead(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        await people.account(root, "ann")
        new = NewToken(
            account="ann",
            kind=TokenKind.PERSONAL,
            scope=Scope.READ,
            lifetime=timedelta(hours=1),
        )
        issued = await people.farm.tokens.issue(root, new)
        people.farm.directory.admit(issued.secret, SOURCE)
        people.clock.advance(timedelta(hours=1))
        with pytest.raises(UnauthenticatedError, match="expired"):
            people.farm.directory.admit(issued.secret, SOURCE)


async def test_calls_without_a_token_count_as_the_account_of_their_network(
    tmp_path: Path,
) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        for name, network in (("lab", "10.0.0.0/8"), ("weles", "10.0.1.5/32")):
            change = AccountChange(networks=(network,))
            await people.farm.accounts.save_account(root, name, change)
        directory = people.farm.directory
        assert directory.admit(None, "10.0.1.5").name == "weles"
        assert directory.admit(None, "::ffff:10.0.1.6").name == "lab"
        mapped = AccountChange(networks=("::ffff:10.9.0.0/112",))
        await people.farm.accounts.save_account(root, "cable", mapped)
        assert directory.admit(None, "10.9.0.7").name == "cable"
        assert directory.admit(None, "10.0.1.5").scope is Scope.REQUEST
        for source in ("192.0.2.7", "", "fe80::1%eth0", "nonsense"):
            with pytest.raises(UnauthenticatedError):
                directory.admit(None, source)


async def test_who_is_let_in_by_his_address_is_not_any_more_when_that_is_taken_away(
    tmp_path: Path,
) -> None:
    async with peopled_farm(tmp_path) as people:
        root, directory = await people.admin(), people.farm.directory
        change = AccountChange(networks=("10.0.0.0/8",))
        await people.farm.accounts.save_account(root, "lab", change)
        near, far = (directory.admit(None, source) for source in ("10.1.2.3", "10.9.0.7"))
        watching = [asyncio.create_task(directory.turned_away(one)) for one in (near, far)]
        moved = AccountChange(networks=("10.1.0.0/16",))
        await people.farm.accounts.save_account(root, "lab", moved)
        await asyncio.wait_for(watching[1], 10)
        assert not watching[0].done()
        other = AccountChange(networks=("10.1.2.3/32",))
        await people.farm.accounts.save_account(root, "weles", other)
        await asyncio.wait_for(watching[0], 10)


async def test_for_whom_the_door_speaks_is_turned_away_with_his_account_alone(
    tmp_path: Path,
) -> None:
    async with peopled_farm(tmp_path) as people:
        root, directory = await people.admin(), people.farm.directory
        await people.account(root, "ann")
        ann = directory.account_named("ann")
        assert ann is not None
        watching = asyncio.create_task(
            directory.turned_away(directory.speak_for(ann.id, Scope.REQUEST, SOURCE))
        )
        await asyncio.sleep(0)
        assert not watching.done()
        await people.farm.accounts.save_account(root, "ann", AccountChange(disabled=True))
        await asyncio.wait_for(watching, 10)


async def test_another_server_s_start_reads_everybody(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        issued = await people.account(root, "ann", "kernel")
        again = Directory(people.store, people.clock)
        assert again.open
        await again.load()
        assert again.admit(issued.secret, SOURCE).name == "ann"
        assert [account.name for account in again.accounts()] == ["admin", "ann"]


async def test_how_many_jobs_accounts_may_hold(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        await people.account(root, "ann", "kernel")
        await people.account(root, "bob")
        assert people.farm.directory.job_limits() == {}
        change = GroupChange(limits=Limits(jobs=4))
        await people.farm.accounts.save_group(root, "kernel", change)
        ann = await people.farm.accounts.get_account(root, "ann")
        assert people.farm.directory.job_limits() == {ann.id: 4}
        own = AccountChange(limits=Limits(jobs=1))
        await people.farm.accounts.save_account(root, "ann", own)
        assert people.farm.directory.job_limits() == {ann.id: 1}


async def test_what_could_not_be_read_anew_is_read_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the database is lost in the moment in which another server revokes a token."""
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        issued = await people.account(root, "ann")
        behind = Directory(people.store, people.clock)
        behind._doubt.set()

        async def lost() -> PeopleSnapshot:
            raise UnavailableError("the database is away")

        with monkeypatch.context() as patch:
            patch.setattr(people.store, "people", lost)
            with pytest.raises(UnavailableError):
                await behind.follow()
        following = asyncio.create_task(behind.follow())
        async with asyncio.timeout(10):
            while behind.open:  # noqa: ASYNC110 - it reads when it reads
                await asyncio.sleep(0)
        assert behind.admit(issued.secret, SOURCE).name == "ann"
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
