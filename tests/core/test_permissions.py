"""Who may do what to which record: roles, scopes and reaches, denied unless named."""

from dataclasses import replace

import pytest

from boruta_farm.core import jobs, requests
from boruta_farm.core.permissions import check_access, check_console, check_request, check_worker
from boruta_farm.model.account import Account, Group, Limits
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import (
    BorutaError,
    ForbiddenError,
    PriorityError,
    QuotaError,
    SSHKeyError,
)
from boruta_farm.model.permission import RULES, Permission, Role, RoleReach, Scope, reach_of
from boruta_farm.model.request import NewRequest, Request, RequestUpdate
from tests.core.people import ANN, AUDITOR, BOB, CHIEF, ROOT, VIEWER, peopled
from tests.core.test_accounts import KEY
from tests.core.world import NOW, DictWorld
from tests.store.making import make_worker

EVERYBODY = (ROOT, ANN, BOB, CHIEF, AUDITOR, VIEWER)


@pytest.fixture
def world() -> DictWorld:
    return peopled(DictWorld())


def filed(world: DictWorld, by: Caller = ANN, **wishes: object) -> Request:
    new = NewRequest(caps={}, priority=8)
    request_id = world.apply(requests.create(world, by, replace(new, **wishes), NOW)).id  # type: ignore[arg-type]  # a test names the fields
    return world.requests[request_id]


def allowed(check: object, *arguments: object) -> list[str]:
    """Return who of everybody is not refused."""
    found = []
    for caller in EVERYBODY:
        try:
            check(caller, *arguments)  # type: ignore[operator]  # one of the checks
        except ForbiddenError:
            continue
        found.append(caller.name)
    return found


def test_every_permission_but_public_is_in_the_table() -> None:
    assert set(RULES) == set(Permission) - {Permission.PUBLIC}


def test_what_the_table_does_not_name_is_denied() -> None:
    for role in Role:
        assert reach_of(role, Scope.ADMIN, Permission.PUBLIC) is RoleReach.NOTHING


def test_a_refusal_counts_the_roles_that_would_do() -> None:
    with pytest.raises(ForbiddenError, match=r"takes the role admin$"):
        ANN.require(Permission.MANAGE_PEOPLE)
    with pytest.raises(ForbiddenError, match=r"takes one of the roles user, group-admin, admin$"):
        VIEWER.require(Permission.FILE_REQUESTS)


@pytest.mark.parametrize("permission", list(RULES))
@pytest.mark.parametrize("role", list(Role))
def test_a_scope_never_adds_to_a_role(role: Role, permission: Permission) -> None:
    most = reach_of(role, Scope.ADMIN, permission)
    for scope in Scope:
        assert reach_of(role, scope, permission) in (RoleReach.NOTHING, most)
    if RULES[permission].scope is not Scope.READ:
        assert reach_of(role, Scope.READ, permission) is RoleReach.NOTHING


def test_owner_group_admin_and_admin_close_and_change(world: DictWorld) -> None:
    request = filed(world)
    for permission in (Permission.CLOSE_REQUESTS, Permission.CHANGE_REQUESTS):
        assert allowed(check_request, request, permission) == ["root", "ann", "chief"]
    assert len(allowed(check_request, request, Permission.SEE_REQUESTS)) == len(EVERYBODY)


def test_only_the_owner_gets_keys_and_group_admins_where_configured(world: DictWorld) -> None:
    request = filed(world)
    assert allowed(check_access, request, world.group) == ["ann"]
    world.put(Group(name="kernel", created=NOW, keys_for_admins=True))
    assert allowed(check_access, request, world.group) == ["ann", "chief"]
    narrow = replace(ANN, scope=Scope.READ)
    with pytest.raises(ForbiddenError, match="scope is read"):
        check_access(narrow, request, world.group)
    check_access(LOCAL_ADMIN, request, world.group)


def test_consoles_are_read_by_owner_admins_and_those_it_is_shared_with(world: DictWorld) -> None:
    request = filed(world)
    assert allowed(check_console, request, world.group) == ["root", "ann"]
    request = replace(request, shared=(BOB.id,), shared_names=("bob",))
    assert allowed(check_console, request, world.group) == ["root", "ann", "bob"]
    world.put(Group(name="kernel", created=NOW, keys_for_admins=True))
    assert "chief" in allowed(check_console, request, world.group)


def test_group_admins_manage_what_serves_their_groups_alone() -> None:
    mine, shared, free = (make_worker(groups=g) for g in (("kernel",), ("kernel", "radio"), ()))
    assert allowed(check_worker, mine) == ["root", "chief"]
    assert allowed(check_worker, shared) == ["root"]
    assert allowed(check_worker, free) == ["root"]
    assert allowed(check_worker, mine, ("radio",)) == ["root"]
    assert allowed(check_worker, mine, ()) == ["root"]


def test_the_owner_is_the_caller(world: DictWorld) -> None:
    request = filed(world)
    assert (request.owner_name, request.owner_groups) == ("ann", frozenset({"kernel"}))


def limited(world: DictWorld, limits: Limits) -> None:
    world.put(
        Account(
            id="id-ann", name="ann", role=Role.USER, created=NOW, groups=("kernel",), limits=limits
        )
    )


def test_priorities_are_limited_at_filing_and_at_change(world: DictWorld) -> None:
    limited(world, Limits(highest_priority=6, lowest_priority=10))
    for priority in (5, 11):
        with pytest.raises(PriorityError, match="6 to 10"):
            filed(world, priority=priority)
    request = filed(world, priority=6)
    with pytest.raises(PriorityError, match="6 to 10"):
        requests.update(world, request.id, RequestUpdate(priority=1), NOW)


def test_waiting_requests_are_limited(world: DictWorld) -> None:
    limited(world, Limits(waiting=2))
    first = filed(world)
    filed(world)
    filed(world, BOB)
    with pytest.raises(QuotaError, match="2 requests waiting"):
        filed(world)
    world.apply(requests.close(world, first.id, NOW))
    filed(world)


def test_an_account_s_key_goes_on_the_board_without_being_named(world: DictWorld) -> None:
    assert filed(world).ssh_key is None
    with pytest.raises(SSHKeyError, match="boruta user key add"):
        filed(world, account_key=True)
    ann = Account(id="id-ann", name="ann", role=Role.USER, created=NOW, ssh_keys=(KEY,))
    world.put(ann)
    assert filed(world).ssh_key is None
    assert filed(world, account_key=True).ssh_key == KEY.removesuffix(" ann@desk")
    world.put(replace(ann, keys_on_board=True))
    assert filed(world).ssh_key == KEY.removesuffix(" ann@desk")
    assert filed(world, account_key=False).ssh_key is None
    assert filed(world, BOB).ssh_key is None


def test_reading_a_key_is_entered_and_only_while_the_job_lives(world: DictWorld) -> None:
    request = filed(world)
    worker = make_worker()
    world.workers[worker.uuid] = worker
    world.apply(jobs.grant(world, world.grant_of(request.id, worker.uuid), NOW))
    world.apply(jobs.read_key(world, ANN, request.id, worker.epoch))
    note = world.notes[-1]
    assert (note.action, note.actor, note.subject) == (Action.KEY_READ, "ann", "request 1")
    for caller in (BOB, ROOT, CHIEF, VIEWER):
        with pytest.raises(ForbiddenError):
            jobs.read_key(world, caller, request.id, worker.epoch)
    with pytest.raises(BorutaError, match="not assigned"):
        jobs.read_key(world, ANN, request.id, worker.epoch + 1)
