"""Accounts and groups: who may make them what, and what is refused in words."""

from datetime import timedelta
from typing import Any

import pytest

from boruta_farm.core import accounts
from boruta_farm.core.rights import limits_of
from boruta_farm.model.account import AccountChange, Group, GroupChange, Limits, effective_limits
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import (
    AccountError,
    AccountNotFoundError,
    BorutaError,
    ForbiddenError,
    GroupNotFoundError,
    SSHKeyError,
)
from boruta_farm.model.permission import Role
from tests.core.people import ANN, AUDITOR, BOB, CHIEF, ROOT, VIEWER, peopled, wanting
from tests.core.test_tokens import issued
from tests.core.world import NOW, DictWorld

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8d0VqV0aN0f5o0rmJpGp1rYxk3v7K4m2Qn1bq5Xy1F ann@desk"


@pytest.fixture
def world() -> DictWorld:
    return peopled(DictWorld())


def save(world: DictWorld, name: str, by: Caller = ROOT, **change: Any) -> None:
    wanted = AccountChange(**change)
    world.apply(accounts.save_account(world, by, name, wanted, NOW))


def test_an_admin_makes_and_changes_accounts(world: DictWorld) -> None:
    save(world, "carol", groups=("radio", "kernel", "radio"), full_name="Carol C.")
    carol = world.account_named("carol")
    assert carol is not None
    assert (carol.role, carol.groups, carol.revision) == (Role.USER, ("kernel", "radio"), 1)
    save(world, "carol", role=Role.VIEWER)
    changed = world.account_named("carol")
    assert changed is not None
    assert (changed.role, changed.groups, changed.full_name) == (
        Role.VIEWER,
        ("kernel", "radio"),
        "Carol C.",
    )


@pytest.mark.parametrize("by", [ANN, BOB, CHIEF, AUDITOR, VIEWER])
def test_nobody_else_does(world: DictWorld, by: Caller) -> None:
    with pytest.raises(ForbiddenError):
        save(world, "carol", by)
    with pytest.raises(ForbiddenError):
        accounts.remove_account(world, by, "bob", NOW)
    with pytest.raises(ForbiddenError):
        accounts.save_group(world, by, "new", GroupChange(), NOW)
    with pytest.raises(ForbiddenError):
        accounts.remove_group(world, by, "radio")


def test_everybody_changes_his_own_keys_and_nothing_more(world: DictWorld) -> None:
    save(world, "ann", ANN, ssh_keys=(f"{KEY}\n",), keys_on_board=True)
    ann = world.account_named("ann")
    assert ann is not None
    assert ann.ssh_keys == (KEY,)
    with pytest.raises(ForbiddenError, match="role is for admins"):
        save(world, "ann", ANN, role=Role.ADMIN)
    with pytest.raises(ForbiddenError, match="limits"):
        save(world, "ann", ANN, limits=Limits(jobs=100))


@pytest.mark.parametrize(
    ("name", "change", "error", "words"),
    [
        ("a b", {}, AccountError, "letters, digits"),
        ("../etc", {}, AccountError, "letters, digits"),
        ("x\nlogin ok", {}, AccountError, "letters, digits"),
        ("a" * 65, {}, AccountError, "64"),
        ("farm", {}, AccountError, "server itself"),
        ("carol", {"groups": ("nobody",)}, GroupNotFoundError, "boruta group add nobody"),
        ("carol", {"ssh_keys": ("ssh-rsa nonsense",)}, SSHKeyError, "SSH key 1"),
        ("carol", {"keys_on_board": True}, AccountError, "no SSH key"),
        ("carol", {"networks": ("10.0.0.0/33",)}, AccountError, "10.0.1.0/24"),
        ("carol", {"networks": ("10.0.0.0/8",), "role": Role.ADMIN}, AccountError, "viewer"),
        ("carol", {"full_name": "x" * 201}, AccountError, "200"),
        ("carol", {"limits": Limits(highest_priority=9, lowest_priority=3)}, AccountError, "range"),
        ("carol", {"limits": Limits(jobs=-1)}, AccountError, "jobs"),
        ("carol", {"limits": Limits(job_time=timedelta(seconds=1))}, AccountError, "minute"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    world: DictWorld, name: str, change: dict[str, Any], error: type[BorutaError], words: str
) -> None:
    with pytest.raises(error, match=words):
        save(world, name, **change)


def test_the_first_account_is_an_admin() -> None:
    world = DictWorld()
    with pytest.raises(AccountError, match="--role admin"):
        save(world, "ann", LOCAL_ADMIN)
    save(world, "root", LOCAL_ADMIN, role=Role.ADMIN)
    assert [account.name for account in world.accounts()] == ["root"]


@pytest.mark.parametrize("change", [{"role": Role.USER}, {"disabled": True}])
def test_one_admin_always_stays(world: DictWorld, change: dict[str, Any]) -> None:
    with pytest.raises(AccountError, match="last admin"):
        save(world, "root", **change)
    with pytest.raises(AccountError, match="last admin"):
        accounts.remove_account(world, ROOT, "root", NOW)
    save(world, "second", role=Role.ADMIN)
    save(world, "root", **change)


def test_removal_takes_the_tokens_along(world: DictWorld) -> None:
    issued(world, ROOT, wanting(account="bob"), "one")
    issued(world, ROOT, wanting(account="ann"), "two")
    world.apply(accounts.remove_account(world, ROOT, "bob", NOW))
    assert world.account_named("bob") is None
    assert [token.id for token in world.tokens()] == ["two"]
    with pytest.raises(AccountNotFoundError):
        accounts.remove_account(world, ROOT, "bob", NOW)


def test_a_group_with_members_stays(world: DictWorld) -> None:
    with pytest.raises(AccountError, match="3 members"):
        accounts.remove_group(world, ROOT, "kernel")
    world.apply(accounts.save_group(world, ROOT, "empty", GroupChange(), NOW))
    world.apply(accounts.remove_group(world, ROOT, "empty"))
    with pytest.raises(GroupNotFoundError):
        accounts.remove_group(world, ROOT, "empty")


def test_who_sees_whose_account(world: DictWorld) -> None:
    def seen(by: Caller) -> list[str]:
        found = []
        for account in world.accounts():
            try:
                accounts.visible_account(by, account.name, account)
            except AccountNotFoundError:
                continue
            found.append(account.name)
        return found

    everybody = ["root", "ann", "bob", "chief", "auditor", "viewer"]
    assert seen(ROOT) == seen(AUDITOR) == everybody
    assert seen(CHIEF) == ["ann", "chief", "viewer"]
    assert seen(ANN) == ["ann"]


def test_limits_are_ones_own_else_the_most_generous_group_s(world: DictWorld) -> None:
    hour = timedelta(hours=1)
    groups = [
        Limits(jobs=2, highest_priority=4, lowest_priority=8, job_time=hour),
        Limits(jobs=5, highest_priority=2, lowest_priority=6, waiting=9),
    ]
    assert effective_limits(Limits(jobs=1), groups) == Limits(
        jobs=1, highest_priority=2, lowest_priority=8, job_time=hour, waiting=9
    )
    world.put(Group(name="kernel", created=NOW, limits=Limits(jobs=3)))
    assert limits_of(world, "id-ann") == Limits(jobs=3)
    assert limits_of(world, "nobody") == Limits()
