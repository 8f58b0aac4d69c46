"""Whose keys open a session, and who may say so."""

import base64
from dataclasses import replace

import pytest

from boruta_farm.core import accounts, jobs, requests, sharing
from boruta_farm.model.account import Account, AccountChange
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import (
    AccountNotFoundError,
    ForbiddenError,
    RequestNotFoundError,
    RequestStateError,
    SharingError,
    StaleEpochError,
)
from boruta_farm.model.job import Job
from boruta_farm.model.permission import Role
from boruta_farm.model.request import NewRequest, Request
from boruta_farm.model.worker import Fence
from tests.core.conftest import Stage
from tests.core.people import ANN, AUDITOR, BOB, CHIEF, ROOT, VIEWER, caller, peopled
from tests.core.world import NOW, DictWorld

PLAIN = NewRequest(caps={}, priority=8)
EVE = caller("eve", Role.USER, "kernel")


def key(name: str) -> str:
    """Return a public key for a name, as boards get it."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + name.encode().ljust(32, b".")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def give(world: DictWorld, who: Caller, *keys: str) -> None:
    """Give an account keys."""
    found = world.account(who.id)
    assert found is not None
    world.put(replace(found, ssh_keys=tuple(f"{line} comment" for line in keys)))


@pytest.fixture
def running(world: DictWorld) -> int:
    """Let a request of Ann's run on a board; Ann, Bob and Eve have keys."""
    peopled(world)
    account = Account(id=EVE.id, name="eve", role=Role.USER, created=NOW, groups=("kernel",))
    world.put(account)
    for who in (ANN, BOB, EVE):
        give(world, who, key(who.name))
    uuid = Stage(world).idle()
    world.workers[uuid] = replace(world.workers[uuid], many_keys=True)
    number = world.apply(requests.create(world, ANN, PLAIN, NOW)).id
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    return number


def job(world: DictWorld, number: int) -> Job:
    """Return a request's job."""
    found = world.requests[number].job
    assert found is not None
    return found


def share(world: DictWorld, number: int, who: Caller, by: Caller = ANN) -> Request:
    return world.apply(sharing.share(world, by, number, who.name, NOW))


def test_the_owners_own_keys_open_the_session_beside_the_jobs(
    world: DictWorld, running: int
) -> None:
    found = job(world, running)
    assert (found.keys, found.keys_seq, found.keys_pending) == ((key("ann"),), 1, True)


def test_an_own_key_and_a_declined_one_are_no_second_one(world: DictWorld) -> None:
    peopled(world)
    give(world, ANN, key("ann"), key("desk"), "ssh-dss is kept since an older version")
    for new, keys in (
        (replace(PLAIN, ssh_key=key("ann")), (key("desk"),)),
        (replace(PLAIN, account_key=False), ()),
        (replace(PLAIN, account_key=True), (key("desk"),)),
    ):
        uuid = Stage(world).idle(len(world.workers) + 1)
        number = world.apply(requests.create(world, ANN, new, NOW)).id
        world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
        assert job(world, number).keys == keys


def test_a_board_over_go_rpc_keeps_one_key(world: DictWorld) -> None:
    peopled(world)
    give(world, ANN, key("ann"))
    give(world, BOB, key("bob"))
    uuid = Stage(world).idle()
    world.workers[uuid] = replace(world.workers[uuid], fence=Fence.NONE)
    number = world.apply(requests.create(world, ANN, PLAIN, NOW)).id
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    assert job(world, number).keys == ()
    with pytest.raises(SharingError, match="takes one key only"):
        share(world, number, BOB)


def test_an_older_agent_keeps_one_key(world: DictWorld, running: int) -> None:
    uuid = job(world, running).worker
    world.workers[uuid] = replace(world.workers[uuid], many_keys=False)
    with pytest.raises(SharingError, match="takes one key only"):
        share(world, running, BOB)


def test_sharing_adds_the_keys_of_the_other_and_unsharing_takes_them_off(
    world: DictWorld, running: int
) -> None:
    request = share(world, running, BOB)
    assert (request.shared, request.shared_names) == ((BOB.id,), ("bob",))
    assert job(world, running).keys == (key("ann"), key("bob"))
    assert job(world, running).keys_seq == 2
    revision = world.requests[running].revision
    share(world, running, BOB)
    assert world.requests[running].revision == revision, "again changes nothing"
    world.apply(sharing.unshare(world, ANN, running, "bob", NOW))
    found = job(world, running)
    assert (found.keys, found.staying, found.keys_seq) == ((key("ann"),), (), 3)
    assert world.requests[running].shared_names is None
    assert sharing.unshare(world, ANN, running, "bob", NOW).steps == ()
    entered = [(note.actor, note.action, note.detail.get("account")) for note in world.notes]
    assert entered[-2:] == [
        ("ann", Action.REQUEST_SHARED, "bob"),
        ("ann", Action.REQUEST_UNSHARED, "bob"),
    ]


def test_what_was_open_may_go_on_and_stays_so_until_it_is_shared_again(
    world: DictWorld, running: int
) -> None:
    share(world, running, BOB)
    world.apply(sharing.unshare(world, ANN, running, "bob", NOW, keep_sessions=True))
    share(world, running, EVE)
    found = job(world, running)
    assert (found.keys, found.staying) == ((key("ann"), key("eve")), (key("bob"),))
    share(world, running, BOB)
    assert job(world, running).staying == ()


def test_sharing_while_it_waits_counts_from_the_grant(world: DictWorld) -> None:
    peopled(world)
    give(world, BOB, key("bob"))
    number = world.apply(requests.create(world, ANN, PLAIN, NOW)).id
    share(world, number, BOB)
    uuid = Stage(world).idle()
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    assert job(world, number).keys == (key("bob"),)


@pytest.mark.parametrize("by", [BOB, CHIEF, ROOT, AUDITOR, VIEWER, EVE])
def test_only_the_owner_shares(by: Caller, world: DictWorld, running: int) -> None:
    share(world, running, BOB)
    with pytest.raises(ForbiddenError):
        share(world, running, EVE, by)


def test_members_join_where_their_group_lets_them(world: DictWorld, running: int) -> None:
    with pytest.raises(ForbiddenError):
        sharing.share(world, EVE, running, None, NOW)
    group = world.group("kernel")
    assert group is not None
    world.put(replace(group, members_join=True))
    with pytest.raises(ForbiddenError):
        sharing.share(world, BOB, running, None, NOW)
    with pytest.raises(ForbiddenError):
        sharing.share(world, EVE, running, "bob", NOW)
    world.apply(sharing.share(world, EVE, running, None, NOW))
    assert world.requests[running].shared_names == ("eve",)
    assert world.notes[-1].actor == "eve"


def test_who_shares_may_leave_but_do_nothing_else(world: DictWorld, running: int) -> None:
    share(world, running, BOB)
    share(world, running, EVE)
    with pytest.raises(ForbiddenError):
        sharing.unshare(world, BOB, running, "eve", NOW)
    world.apply(sharing.unshare(world, BOB, running, None, NOW))
    assert world.requests[running].shared_names == ("eve",)
    world.apply(sharing.unshare(world, CHIEF, running, "eve", NOW))
    assert job(world, running).keys == (key("ann"),)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("ann", SharingError, "ann's own"),
        ("auditor", SharingError, "auditor is auditor now"),
        ("chief", SharingError, "chief has no SSH key"),
        ("nobody", AccountNotFoundError, "there is no account 'nobody'"),
    ],
)
def test_with_whom_it_cannot_be_shared(
    name: str, error: type[Exception], words: str, world: DictWorld, running: int
) -> None:
    with pytest.raises(error, match=words):
        sharing.share(world, ANN, running, name, NOW)


def test_a_board_that_serves_other_groups_is_not_shared_with_them(
    world: DictWorld, running: int
) -> None:
    uuid = job(world, running).worker
    world.workers[uuid] = replace(world.workers[uuid], groups=("kernel",))
    with pytest.raises(SharingError, match="bob is in none of the groups that"):
        share(world, running, BOB)


def test_what_is_over_or_unknown_is_not_shared(world: DictWorld, running: int) -> None:
    with pytest.raises(RequestNotFoundError):
        sharing.share(world, ANN, 99, "bob", NOW)
    world.apply(requests.close(world, running, NOW))
    assert job(world, running).keys == ()
    with pytest.raises(RequestStateError):
        share(world, running, BOB)


def test_it_is_shared_with_ten_at_most(world: DictWorld, running: int) -> None:
    for number in range(sharing.MOST_SHARED + 1):
        one = Account(
            id=f"n{number}", name=f"n{number}", role=Role.USER, created=NOW, ssh_keys=(key("x"),)
        )
        world.put(one)
        if number < sharing.MOST_SHARED:
            world.apply(sharing.share(world, ANN, running, one.name, NOW))
    with pytest.raises(SharingError, match="is shared with 10 accounts, the most"):
        sharing.share(world, ANN, running, "n10", NOW)


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (AccountChange(disabled=True), ("ann",)),
        (AccountChange(role=Role.VIEWER), ("ann",)),
        (AccountChange(ssh_keys=(key("new"),)), ("ann", "new")),
        (AccountChange(full_name="Bob"), ("ann", "bob")),
    ],
)
def test_a_change_of_an_account_is_so_on_boards_that_are_shared_with_it(
    change: AccountChange, keys: tuple[str, ...], world: DictWorld, running: int
) -> None:
    share(world, running, BOB)
    before = job(world, running).keys_seq
    world.apply(accounts.save_account(world, ROOT, "bob", change, NOW))
    found = job(world, running)
    assert found.keys == tuple(map(key, keys))
    assert found.keys_seq - before == (keys != ("ann", "bob"))
    assert world.requests[running].shared_names == ("bob",)


def test_a_removed_account_is_off_the_board_and_its_name_off_the_request(
    world: DictWorld, running: int
) -> None:
    share(world, running, BOB)
    world.apply(accounts.remove_account(world, ROOT, "bob", NOW))
    assert job(world, running).keys == (key("ann"),)
    assert (world.requests[running].shared, world.requests[running].shared_names) == ((), None)


def test_the_owners_new_keys_are_so_on_his_boards(world: DictWorld, running: int) -> None:
    world.apply(
        accounts.save_account(world, ANN, "ann", AccountChange(ssh_keys=(key("lap"),)), NOW)
    )
    assert job(world, running).keys == (key("lap"),)


def test_that_a_board_has_taken_its_keys_is_noted_for_the_last_set_alone(
    world: DictWorld, running: int
) -> None:
    found = job(world, running)
    share(world, running, BOB)
    with pytest.raises(StaleEpochError):
        sharing.keyed(world, found.worker, found.epoch, 1)
    with pytest.raises(StaleEpochError):
        sharing.keyed(world, found.worker, found.epoch + 1, 2)
    world.apply(sharing.keyed(world, found.worker, found.epoch, 2))
    assert job(world, running).keys_pending is None
    assert sharing.keyed(world, found.worker, found.epoch, 2).steps == ()


def test_keys_beyond_what_a_board_is_told_are_left_out(
    world: DictWorld, running: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MOST_CHARACTERS", 2 * len(key("ann")))
    share(world, running, BOB)
    share(world, running, EVE)
    assert job(world, running).keys == (key("ann"), key("bob"))


def test_access_of_whom_it_is_shared_with_is_entered_and_marks_no_key_as_read(
    world: DictWorld, running: int
) -> None:
    found = job(world, running)
    with pytest.raises(ForbiddenError):
        jobs.read_key(world, BOB, running, found.epoch)
    share(world, running, BOB)
    world.apply(jobs.read_key(world, BOB, running, found.epoch))
    assert world.notes[-1].action is Action.ACCESS_READ
    assert not job(world, running).key_read


def test_who_comes_with_a_key_of_his_account_is_let_in_where_it_was_declined(
    world: DictWorld,
) -> None:
    peopled(world)
    give(world, ANN, key("ann"), key("desk"))
    give(world, BOB, key("bob"))
    uuid = Stage(world).idle()
    world.workers[uuid] = replace(world.workers[uuid], many_keys=True)
    new = replace(PLAIN, account_key=False)
    number = world.apply(requests.create(world, ANN, new, NOW)).id
    with pytest.raises(RequestStateError):
        sharing.open_to(world, ANN, number, key("desk"), NOW)
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    for who, line in ((BOB, key("bob")), (ANN, key("bob"))):
        with pytest.raises(ForbiddenError):
            sharing.open_to(world, who, number, line, NOW)
    assert job(world, number).keys == ()
    world.apply(sharing.open_to(world, ANN, number, key("desk"), NOW))
    assert job(world, number).keys == (key("ann"), key("desk"))
    assert job(world, number).keys_pending
    assert (world.notes[-1].action, world.notes[-1].actor) == (Action.REQUEST_KEYED, "ann")
    assert sharing.open_to(world, ANN, number, key("ann"), NOW).steps == ()


def test_without_users_the_key_that_somebody_comes_with_opens_what_was_filed_without(
    world: DictWorld,
) -> None:
    uuids = [Stage(world).idle(number) for number in (1, 2, 3)]
    numbers = []
    for uuid, new in zip(uuids, (PLAIN, replace(PLAIN, ssh_key=key("ann")), PLAIN), strict=True):
        many = uuid != uuids[2]
        world.workers[uuid] = replace(world.workers[uuid], many_keys=many)
        numbers.append(world.apply(requests.create(world, LOCAL_ADMIN, new, NOW)).id)
        world.apply(jobs.grant(world, world.grant_of(numbers[-1], uuid), NOW))
    for name in ("ann", "bob"):
        world.apply(sharing.open_to(world, LOCAL_ADMIN, numbers[0], key(name), NOW))
    assert job(world, numbers[0]).keys == (key("ann"), key("bob"))
    for number in range(sharing.MOST_SHARED - 2):
        world.apply(sharing.open_to(world, LOCAL_ADMIN, numbers[0], key(str(number)), NOW))
    with pytest.raises(SharingError, match="10 keys"):
        sharing.open_to(world, LOCAL_ADMIN, numbers[0], key("more"), NOW)
    with pytest.raises(ForbiddenError, match="filed with another key"):
        sharing.open_to(world, LOCAL_ADMIN, numbers[1], key("bob"), NOW)
    assert sharing.open_to(world, LOCAL_ADMIN, numbers[1], key("ann"), NOW).steps == ()
    with pytest.raises(SharingError, match="takes one key only"):
        sharing.open_to(world, LOCAL_ADMIN, numbers[2], key("ann"), NOW)
