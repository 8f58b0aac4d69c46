"""What is done on the word of providers and CI systems."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core.identities import admit_workload, enter, unvouched, vouch_again
from boruta_farm.core.plan import CreationRemembered, IdentitySaved, Plan
from boruta_farm.core.tokens import MOST_SESSIONS, SESSION
from boruta_farm.model.account import Account
from boruta_farm.model.errors import UnauthenticatedError
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.sign_in import Identified, Workload
from boruta_farm.model.token import Token, TokenKind
from tests.core.people import peopled
from tests.core.world import NOW, DictWorld

EVE = Identified(
    provider="lab",
    identity="https://login.example 1",
    name="eve",
    managed=frozenset({"kernel", "gone"}),
    groups=frozenset({"kernel", "gone"}),
    lasts=timedelta(hours=12),
)
JOB = Workload(
    rule="jobs",
    issuer="https://ci.example",
    proof="p1",
    account="ann",
    told={"repository": "acme/kernel"},
    lasts=timedelta(hours=1),
)


@pytest.fixture
def world() -> DictWorld:
    return peopled(DictWorld())


def entered(world: DictWorld, person: Identified = EVE, number: str = "t1") -> Plan[Token]:
    return enter(world, person, number, "digest", "laptop", "192.0.2.7", NOW, b"sealed")


def keep(world: DictWorld, plan: Plan[Token]) -> Token:
    """Let the world be as the plan has it."""
    for step in plan.steps:
        if isinstance(step, IdentitySaved) and not step.kind.removes:
            world.put(step.record)
    return plan.answer


def saved_account(plan: Plan[Token]) -> Account | None:
    found = [
        step.record
        for step in plan.steps
        if isinstance(step, IdentitySaved) and isinstance(step.record, Account)
    ]
    return found[0] if found else None


def test_a_stranger_gets_an_account_and_groups_that_there_are(world: DictWorld) -> None:
    plan = entered(world)
    account = saved_account(plan)
    assert account is not None
    assert (account.name, account.role, account.groups) == ("eve", Role.USER, ("kernel",))
    token = plan.answer
    assert (token.account, token.provider, token.refresh) == (account.id, "lab", b"sealed")
    assert (token.scope, token.expires - NOW) == (Scope.ADMIN, EVE.lasts)
    keep(world, plan)
    assert saved_account(entered(world)) is None, "nothing is saved where nothing has changed"


@pytest.mark.parametrize(
    ("told", "name"),
    [("eve@lab.example", "eve@lab.example"), ("Eve Doe", "Eve-Doe"), ("..eve\u202e", "eve")],
)
def test_names_are_made_such_as_accounts_have(world: DictWorld, told: str, name: str) -> None:
    account = saved_account(entered(world, replace(EVE, name=told)))
    assert account is not None
    assert account.name == name


@pytest.mark.parametrize("name", ["ann", "ROOT", "farm", "", "\u202e"])
def test_a_name_that_is_taken_or_none_makes_no_account(world: DictWorld, name: str) -> None:
    with pytest.raises(UnauthenticatedError, match="--identity"):
        entered(world, replace(EVE, name=name))


def test_vouching_again_changes_rights_and_not_the_end(world: DictWorld) -> None:
    token = keep(world, entered(world))
    later = NOW + timedelta(minutes=15)
    plan = vouch_again(world, "t1", replace(EVE, groups=frozenset()), b"other", later)
    account, saved = (step for step in plan.steps if isinstance(step, IdentitySaved))
    assert isinstance(account.record, Account)
    assert account.record.groups == ()
    assert isinstance(saved.record, Token)
    assert (saved.record.refresh, saved.record.judged) == (b"other", later)
    assert saved.record.expires == token.expires
    assert saved.kind is EventKind.TOKEN_JUDGED


def test_vouching_for_another_or_for_nobody_is_refused(world: DictWorld) -> None:
    keep(world, entered(world))
    with pytest.raises(UnauthenticatedError):
        vouch_again(world, "t1", replace(EVE, identity="https://login.example 2"), b"", NOW)
    assert vouch_again(world, "gone", EVE, b"", NOW).steps == ()
    assert unvouched(world, "gone", "why").steps == ()


def test_what_was_made_of_a_sign_in_ends_with_it(world: DictWorld) -> None:
    token = keep(world, entered(world))
    world.put(replace(token, id="page", issuer="token t1"))
    world.put(replace(token, id="other"))
    gone = [s.record for s in unvouched(world, "t1", "why").steps if isinstance(s, IdentitySaved)]
    assert {one.id for one in gone if isinstance(one, Token)} == {"t1", "page"}


def test_one_more_session_ends_the_oldest(world: DictWorld) -> None:
    token = keep(world, entered(world))
    for number in range(MOST_SESSIONS):
        created = NOW - timedelta(minutes=number)
        world.put(replace(token, id=f"s{number}", name=SESSION, created=created))
    plan = enter(world, EVE, "new", "digest", SESSION, "", NOW)
    gone = [s.record for s in plan.steps if isinstance(s, IdentitySaved) and s.kind.removes]
    assert [one.id for one in gone if isinstance(one, Token)] == [f"s{MOST_SESSIONS - 1}"]


def test_a_job_gets_a_token_of_its_rules_account(world: DictWorld) -> None:
    plan = admit_workload(world, JOB, "w1", "digest", "192.0.2.7", NOW)
    token = plan.answer
    assert (token.kind, token.scope) == (TokenKind.SERVICE, Scope.REQUEST)
    assert (token.provider, token.expires - NOW) == ("workload jobs", JOB.lasts)
    remembered = [step for step in plan.steps if isinstance(step, CreationRemembered)]
    assert [(one.owner, one.key) for one in remembered] == [("workload https://ci.example", "p1")]
    with pytest.raises(UnauthenticatedError, match="cannot be used"):
        admit_workload(world, replace(JOB, account="stranger"), "w2", "digest", "", NOW)
