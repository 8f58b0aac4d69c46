"""Tokens: who makes which, how they are exchanged, used up and revoked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core import accounts, tokens
from boruta_farm.model.account import AccountChange
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import (
    AccountNotFoundError,
    ForbiddenError,
    TokenError,
    TokenNotFoundError,
    UnauthenticatedError,
)
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import NewToken, Token, TokenKind, compose, matches, token_id
from tests.core.people import ANN, BOB, ROOT, VIEWER, peopled, secret_of, wanting
from tests.core.world import NOW, DictWorld

DAY = timedelta(days=1)


@pytest.fixture
def world() -> DictWorld:
    return peopled(DictWorld())


def issued(world: DictWorld, by: Caller, new: NewToken, number: str = "n1") -> Token:
    _, digest = secret_of(new.kind, number)
    return world.apply(tokens.issue(world, by, new, number, digest, NOW))


def test_a_token_s_text_tells_its_id_and_only_its_digest_is_kept(world: DictWorld) -> None:
    secret, digest = secret_of(TokenKind.PERSONAL, "n1")
    token = issued(world, ANN, wanting())
    assert secret.startswith("boruta_p_n1_")
    assert token_id(secret) == token.id == "n1"
    assert matches(secret, token.digest)
    assert not matches(f"{secret}x", token.digest)
    assert secret not in repr(token)
    assert digest not in repr(token)


@pytest.mark.parametrize(
    "text", ["", "boruta_", "boruta_p", "boruta_p_x", "boruta_p_x_", "x" * 300]
)
def test_what_is_no_token_has_no_id(text: str) -> None:
    assert token_id(text) is None


def test_personal_tokens_are_everybody_s_own_and_the_rest_is_for_admins(world: DictWorld) -> None:
    assert issued(world, ANN, wanting()).issuer == "ann"
    with pytest.raises(ForbiddenError):
        issued(world, BOB, wanting(account="ann"))
    with pytest.raises(ForbiddenError):
        issued(world, ANN, wanting(kind=TokenKind.SERVICE))
    with pytest.raises(ForbiddenError):
        issued(world, ANN, wanting(kind=TokenKind.ONCE))
    with pytest.raises(ForbiddenError):
        issued(world, ANN, wanting(kind=TokenKind.JOIN))
    assert issued(world, ROOT, wanting(kind=TokenKind.SERVICE), "n2").issuer == "root"
    with pytest.raises(AccountNotFoundError):
        issued(world, ROOT, wanting(account="nobody"))


def test_a_narrow_token_makes_no_other(world: DictWorld) -> None:
    narrow = replace(ANN, scope=Scope.REQUEST)
    with pytest.raises(ForbiddenError, match="scope is request"):
        issued(world, narrow, wanting(scope=Scope.READ))
    root = replace(ROOT, scope=Scope.READ)
    with pytest.raises(ForbiddenError):
        issued(world, root, wanting())


def test_lifetimes_are_bounded(world: DictWorld) -> None:
    assert issued(world, ANN, wanting()).expires == NOW + 30 * DAY
    assert issued(world, ANN, wanting(lifetime=DAY), "n2").expires == NOW + DAY
    for lifetime in (31 * DAY, timedelta(0)):
        with pytest.raises(TokenError, match="30 days"):
            issued(world, ANN, wanting(lifetime=lifetime))


def test_tokens_of_one_account_are_bounded_and_expired_ones_make_room(world: DictWorld) -> None:
    for number in range(tokens.MOST_TOKENS):
        issued(world, ANN, wanting(lifetime=DAY), f"n{number}")
    with pytest.raises(TokenError, match="100"):
        issued(world, ANN, wanting(), "more")
    later = NOW + 2 * DAY
    world.apply(tokens.issue(world, ANN, wanting(), "more", "digest", later))
    assert [token.id for token in world.tokens()] == ["more"]


def test_a_one_time_token_is_exchanged_once(world: DictWorld) -> None:
    secret, _ = secret_of(TokenKind.ONCE, "once")
    once = wanting(kind=TokenKind.ONCE, scope=Scope.ADMIN)
    issued(world, ROOT, once, "once")
    plan = tokens.login(world, secret, "n2", "digest", "desk", "192.0.2.9", NOW)
    token = world.apply(plan)
    assert (token.account_name, token.kind, token.scope) == ("ann", TokenKind.PERSONAL, Scope.ADMIN)
    assert [known.id for known in world.tokens()] == ["n2"]
    note = world.notes[-1]
    assert (note.action, note.actor, note.source) == (Action.LOGIN, "ann", "192.0.2.9")
    assert secret not in repr(note)
    with pytest.raises(UnauthenticatedError):
        tokens.login(world, secret, "n3", "digest", "desk", "", NOW)


def test_a_wrong_old_or_disabled_one_time_token_is_refused(world: DictWorld) -> None:
    secret, _ = secret_of(TokenKind.ONCE, "once")
    issued(world, ROOT, wanting(kind=TokenKind.ONCE, lifetime=DAY), "once")
    wrong = compose(TokenKind.ONCE, "once", "guessed")
    with pytest.raises(UnauthenticatedError):
        tokens.login(world, wrong, "n2", "digest", "desk", "", NOW)
    with pytest.raises(UnauthenticatedError, match="too old"):
        tokens.login(world, secret, "n2", "digest", "desk", "", NOW + DAY)
    change = AccountChange(disabled=True)
    world.apply(accounts.save_account(world, ROOT, "ann", change, NOW))
    with pytest.raises(UnauthenticatedError):
        tokens.login(world, secret, "n2", "digest", "desk", "", NOW)


def test_revoking(world: DictWorld) -> None:
    issued(world, ANN, wanting(), "n1")
    issued(world, ANN, wanting(), "n2")
    for by in (BOB, VIEWER):
        with pytest.raises(ForbiddenError):
            tokens.revoke(world, by, "n1")
    narrow = replace(ANN, scope=Scope.READ, token="n1")
    with pytest.raises(ForbiddenError):
        tokens.revoke(world, narrow, "n2")
    world.apply(tokens.revoke(world, narrow, "n1"))
    world.apply(tokens.revoke(world, ROOT, "n2"))
    assert world.tokens() == ()
    with pytest.raises(TokenNotFoundError):
        tokens.revoke(world, ROOT, "n2")


def test_counted_tokens_are_used_up_and_bound(world: DictWorld) -> None:
    secret, _ = secret_of(TokenKind.JOIN, "join")
    issued(world, ROOT, wanting(account="root", kind=TokenKind.JOIN, uses=2), "join")
    world.apply(tokens.use(world, secret, TokenKind.JOIN, "uuid-1", NOW))
    world.apply(tokens.use(world, secret, TokenKind.JOIN, "uuid-2", NOW))
    with pytest.raises(UnauthenticatedError):
        tokens.use(world, secret, TokenKind.JOIN, "uuid-3", NOW)
    bound, _ = secret_of(TokenKind.JOIN, "bound")
    issued(world, ROOT, wanting(account="root", kind=TokenKind.JOIN, worker="uuid-1"), "bound")
    with pytest.raises(UnauthenticatedError):
        tokens.use(world, bound, TokenKind.JOIN, "uuid-2", NOW)
    with pytest.raises(UnauthenticatedError):
        tokens.use(world, bound, TokenKind.PERSONAL, "uuid-1", NOW)
    world.apply(tokens.use(world, bound, TokenKind.JOIN, "uuid-1", NOW))


def test_the_first_start_makes_an_admin_and_each_start_a_token_until_it_is_used() -> None:
    world = DictWorld()
    first, digest = secret_of(TokenKind.ONCE, "first")
    world.apply(tokens.begin(world, "first", digest, NOW))
    admin = world.account_named("admin")
    assert admin is not None
    assert admin.role is Role.ADMIN
    second, digest = secret_of(TokenKind.ONCE, "second")
    world.apply(tokens.begin(world, "second", digest, NOW))
    assert [token.id for token in world.tokens()] == ["second"]
    with pytest.raises(UnauthenticatedError):
        tokens.login(world, first, "n1", "digest", "", "", NOW)
    world.apply(tokens.login(world, second, "n1", "digest", "", "", NOW))
    assert tokens.begin(world, "third", digest, NOW).answer is None


def test_no_token_is_begun_where_people_are_already() -> None:
    world = peopled(DictWorld())
    assert tokens.begin(world, "first", "digest", NOW).answer is None
    only = DictWorld()
    save = AccountChange(role=Role.ADMIN)
    only.apply(accounts.save_account(only, LOCAL_ADMIN, "admin", save, NOW))
    assert tokens.begin(only, "first", "digest", NOW).answer is None
