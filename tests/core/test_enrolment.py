"""Who may speak for a board: pinned, invited, renewed, revoked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core import enrolment, tokens, workers
from boruta_farm.core import registration as core
from boruta_farm.model.account import Account
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import (
    CredentialError,
    EnrolmentError,
    ForbiddenError,
    MissingUUIDError,
    WorkerNameError,
    WorkerNotFoundError,
)
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.settings import Enrolment, FarmSettings
from boruta_farm.model.token import NewToken, TokenKind, compose, digest_of
from boruta_farm.model.worker import REVOKED, Fence, Registration, Worker
from tests.core.world import NOW, UUID, DictWorld, registration

ADMIN = Caller(id="root", name="root", groups=frozenset(), role=Role.ADMIN, source="192.0.2.1")
USER = Caller(id="ann", name="ann", groups=frozenset(), role=Role.USER)
FIRST, SECOND = UUID.format(1), UUID.format(2)


@pytest.fixture
def closed() -> DictWorld:
    world = DictWorld(FarmSettings(enrolment=Enrolment.INVITED))
    world.put(Account(id="root", name="root", role=Role.ADMIN, created=NOW))
    return world


def invite(
    world: DictWorld,
    *,
    uses: int | None = None,
    worker: str | None = None,
    lifetime: timedelta = timedelta(hours=1),
) -> str:
    number = f"{len(world.tokens()):04x}"
    secret = compose(TokenKind.JOIN, number, "random")
    new = NewToken(
        account="root",
        kind=TokenKind.JOIN,
        scope=Scope.READ,
        uses=uses,
        worker=worker,
        lifetime=lifetime,
    )
    world.apply(tokens.issue(world, ADMIN, new, number, digest_of(secret), NOW))
    return secret


def register(world: DictWorld, board: Registration, later: timedelta = timedelta(0)) -> Worker:
    return world.apply(core.register(world, board, NOW + later))


def with_token(secret: str | None, number: int = 1, credential: str = "credential") -> Registration:
    return replace(registration(number, credential=credential), join_token=secret)


def actions(world: DictWorld) -> list[Action]:
    return [note.action for note in world.notes]


def test_a_stranger_is_refused(closed: DictWorld) -> None:
    with pytest.raises(EnrolmentError, match="boruta agent invite"):
        register(closed, with_token(None))
    with pytest.raises(EnrolmentError, match="unknown"):
        register(closed, with_token("boruta_j_0000_guessed"))
    assert closed.workers == {}


@pytest.mark.parametrize(
    ("rule", "local", "welcome"),
    [
        (Enrolment.OPEN, False, True),
        (Enrolment.LOOPBACK, False, False),
        (Enrolment.LOOPBACK, True, True),
        (Enrolment.INVITED, True, False),
    ],
)
def test_open_enrolment_is_a_setting(rule: Enrolment, local: bool, welcome: bool) -> None:
    world = DictWorld(FarmSettings(enrolment=rule))
    board = replace(registration(), local=local)
    if welcome:
        register(world, board)
        assert actions(world) == [Action.AGENT_ENROLLED]
    else:
        with pytest.raises(EnrolmentError):
            register(world, board)


def test_an_invitation_lets_as_many_boards_in_as_it_says(closed: DictWorld) -> None:
    secret = invite(closed, uses=2)
    for number in (1, 2):
        worker = register(closed, with_token(secret, number))
        assert worker.credential == "credential"
        assert worker.credential_since == NOW
    with pytest.raises(EnrolmentError, match="used up"):
        register(closed, with_token(secret, 3))
    assert actions(closed) == [Action.AGENT_ENROLLED] * 2
    assert closed.notes[0].detail == {"by": "token 0000"}


def test_coming_again_uses_no_invitation_up(closed: DictWorld) -> None:
    secret = invite(closed, uses=1)
    for _ in range(3):
        register(closed, with_token(secret))
    assert closed.workers[FIRST].credential_since == NOW


def test_an_invitation_ends(closed: DictWorld) -> None:
    secret = invite(closed, lifetime=timedelta(minutes=5))
    with pytest.raises(EnrolmentError, match="too old"):
        register(closed, with_token(secret), timedelta(minutes=6))


def test_a_bound_invitation_is_for_its_board_alone(closed: DictWorld) -> None:
    secret = invite(closed, worker=FIRST)
    with pytest.raises(EnrolmentError, match="bound to another"):
        register(closed, with_token(secret, 2))
    register(closed, with_token(secret, 1))


def test_a_stolen_uuid_is_refused_whatever_else_it_brings(closed: DictWorld) -> None:
    register(closed, with_token(invite(closed)))
    for stolen in (None, invite(closed, uses=200), invite(closed, worker=SECOND)):
        with pytest.raises(CredentialError):
            register(closed, with_token(stolen, credential="of a thief"))
    assert closed.workers[FIRST].credential == "credential"
    rpc = registration(credential=None, fence=Fence.NONE)
    with pytest.raises(CredentialError):
        register(closed, rpc)


def test_a_board_that_lost_its_state_comes_back_by_an_invitation_of_its_own(
    closed: DictWorld,
) -> None:
    register(closed, with_token(invite(closed)))
    again = with_token(invite(closed, worker=FIRST), credential="fresh")
    assert register(closed, again, timedelta(hours=0.5)).credential == "fresh"
    assert closed.notes[-1].detail["again"] == "yes"
    with pytest.raises(CredentialError):
        register(closed, registration())


def test_a_board_over_go_rpc_needs_an_invitation_to_become_ours(closed: DictWorld) -> None:
    register(closed, registration(credential=None, fence=Fence.NONE))
    with pytest.raises(EnrolmentError):
        register(closed, registration())
    assert register(closed, with_token(invite(closed))).credential == "credential"


def test_both_credentials_are_good_until_the_new_one_is_used(closed: DictWorld) -> None:
    register(closed, with_token(invite(closed)))
    closed.apply(enrolment.renew(closed, FIRST, "credential", "coming"))
    closed.apply(enrolment.renew(closed, FIRST, "credential", "coming"))
    register(closed, registration(), timedelta(1))
    assert closed.workers[FIRST].credential == "credential"
    worker = register(closed, registration(credential="coming"), timedelta(2))
    assert (worker.credential, worker.next_credential) == ("coming", None)
    assert worker.credential_since == NOW + timedelta(2)
    with pytest.raises(CredentialError):
        register(closed, registration())


def test_only_a_credential_in_force_renews(closed: DictWorld) -> None:
    register(closed, with_token(invite(closed)))
    with pytest.raises(CredentialError):
        enrolment.renew(closed, FIRST, "of a thief", "coming")
    with pytest.raises(CredentialError):
        enrolment.renew(closed, FIRST, "credential", REVOKED)
    with pytest.raises(WorkerNotFoundError):
        enrolment.renew(closed, SECOND, "credential", "coming")


def test_a_revoked_agent_is_out_until_it_is_invited_by_name(closed: DictWorld) -> None:
    register(closed, with_token(invite(closed)))
    closed.apply(enrolment.renew(closed, FIRST, "credential", "coming"))
    closed.apply(enrolment.revoke(closed, ADMIN, FIRST))
    for board in (
        registration(),
        registration(credential="coming"),
        with_token(invite(closed), credential="other"),
    ):
        with pytest.raises(CredentialError, match="was revoked"):
            register(closed, board)
    with pytest.raises(CredentialError):
        enrolment.renew(closed, FIRST, "credential", "coming")
    assert register(closed, with_token(invite(closed, worker=FIRST))).credential == "credential"
    assert Action.AGENT_REVOKED in actions(closed)


def test_only_admins_revoke(closed: DictWorld) -> None:
    register(closed, with_token(invite(closed)))
    with pytest.raises(ForbiddenError):
        enrolment.revoke(closed, USER, FIRST)


def test_a_board_without_credential_has_none_to_lose(closed: DictWorld) -> None:
    register(closed, registration(credential=None, fence=Fence.NONE))
    with pytest.raises(CredentialError, match="Go RPC"):
        enrolment.revoke(closed, ADMIN, FIRST)


def test_a_farm_without_users_invites_too() -> None:
    world = DictWorld(FarmSettings(enrolment=Enrolment.INVITED))
    secret = compose(TokenKind.JOIN, "0", "random")
    new = NewToken(account="admin", kind=TokenKind.JOIN, scope=Scope.READ)
    world.apply(tokens.issue(world, LOCAL_ADMIN, new, "0", digest_of(secret), NOW))
    register(world, with_token(secret))


def test_an_admins_name_stays_until_the_board_is_given_another(closed: DictWorld) -> None:
    secret = invite(closed)
    register(closed, with_token(secret))
    closed.apply(workers.set_name(closed, FIRST, "lab-rpi4"))
    assert register(closed, registration()).name == "lab-rpi4"
    assert register(closed, registration(name="other")).name == "other"


def test_a_name_is_one_boards(closed: DictWorld) -> None:
    secret = invite(closed)
    register(closed, with_token(secret, 1))
    register(closed, with_token(secret, 2))
    with pytest.raises(WorkerNameError, match="already"):
        workers.set_name(closed, SECOND, "board")
    with pytest.raises(WorkerNameError):
        workers.set_name(closed, SECOND, " ")
    closed.apply(workers.set_name(closed, FIRST, "board"))


def test_asking_beforehand_says_what_registering_would_and_changes_nothing(
    closed: DictWorld,
) -> None:
    def ask(board: Registration) -> bool:
        plan = enrolment.recognise(closed, board, NOW)
        assert plan.steps == ()
        return plan.answer

    secret = invite(closed, uses=1)
    with pytest.raises(EnrolmentError):
        ask(with_token(None))
    assert ask(with_token(secret)) is False
    assert ask(with_token(secret)) is False, "no use was counted"
    register(closed, with_token(secret))
    assert ask(with_token(None)) is True
    with pytest.raises(CredentialError):
        ask(with_token(None, credential="stolen"))
    with pytest.raises(MissingUUIDError):
        ask(replace(with_token(None), caps={}))
