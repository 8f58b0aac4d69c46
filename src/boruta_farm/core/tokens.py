"""What happens to tokens: issued, exchanged, used up, revoked."""

from dataclasses import replace
from datetime import datetime, timedelta

from boruta_farm.core.names import check_line
from boruta_farm.core.plan import IdentitySaved, Noted, Plan, Step
from boruta_farm.core.world import World
from boruta_farm.model.account import FIRST_ACCOUNT, Account
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    AccountNotFoundError,
    TokenError,
    TokenNotFoundError,
    UnauthenticatedError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Permission, Role, Scope
from boruta_farm.model.token import NewToken, Token, TokenKind, matches, token_id

LONGEST: dict[TokenKind, timedelta] = {
    TokenKind.PERSONAL: timedelta(days=30),
    TokenKind.SERVICE: timedelta(days=366),
    TokenKind.ONCE: timedelta(days=7),
    TokenKind.JOIN: timedelta(days=30),
}
"""How long a token may live at most, and does unless less is asked for."""
MOST_TOKENS = 100
"""Tokens that one account may have at once."""
SESSION = "page"
"""The name of the tokens that browsers' sessions have."""
MOST_SESSIONS = 20
"""Of one account at once; one more ends the oldest."""
FIRST_TOKEN_LIFE = timedelta(hours=1)
INVITATION_LIFE = timedelta(days=1)


def issue(
    world: World, caller: Caller, new: NewToken, number: str, digest: str, now: datetime
) -> Plan[Token]:
    """Issue a token whose random part was made outside.

    Everybody makes personal tokens for himself, never with a wider scope than the one he calls
    with; everything else is for admins. A farm without users may invite boards all the same.
    Raises AccountNotFoundError, TokenError, ForbiddenError.
    """
    _check_issuer(caller, new)
    account = world.account_named(new.account)
    invited = new.kind is TokenKind.JOIN and caller.groups is None
    if account is None and not invited:
        raise AccountNotFoundError(f"there is no account {new.account!r}")
    if account is not None and account.disabled:
        raise TokenError(f"{account.name} is disabled; enable the account first")
    owner = caller.id if account is None else account.id
    expired = room_for(world, owner, new.account, now)
    token = made(new, owner, number, digest, caller.name, now)
    steps: list[Step] = [IdentitySaved(record=old, kind=EventKind.TOKEN_REVOKED) for old in expired]
    steps.append(IdentitySaved(record=token, kind=EventKind.TOKEN_ISSUED))
    return Plan(answer=token, steps=tuple(steps))


def invite(
    world: World,
    caller: Caller,
    account: Plan[Account],
    number: str,
    digest: str,
    now: datetime,
) -> Plan[tuple[Account, Token]]:
    """Save an account and make a one-time token for it, in one: it may be the farm's first."""
    caller.require(Permission.MANAGE_PEOPLE)
    name = account.answer.name
    if account.answer.disabled:
        raise TokenError(f"{name} is disabled; enable the account first")
    new = NewToken(
        account=name,
        kind=TokenKind.ONCE,
        scope=Scope.ADMIN,
        name="invitation",
        lifetime=INVITATION_LIFE,
    )
    token = made(new, account.answer.id, number, digest, caller.name, now)
    old: list[Step] = [
        IdentitySaved(record=known, kind=EventKind.TOKEN_REVOKED)
        for known in world.tokens()
        if known.account == account.answer.id and known.kind is TokenKind.ONCE
    ]
    issued = IdentitySaved(record=token, kind=EventKind.TOKEN_ISSUED)
    return Plan(answer=(account.answer, token), steps=(*account.steps, *old, issued))


def revoke(world: World, caller: Caller, number: str) -> Plan[None]:
    """Make a token worthless. Raises TokenNotFoundError."""
    token = world.token(number)
    mine = token is not None and token.account == caller.id
    if not mine:
        caller.require(Permission.MANAGE_PEOPLE)
    elif caller.token != number and not caller.reach(Permission.MANAGE_PEOPLE):
        # The token in hand may always be given up, whatever its scope.
        caller.require(Permission.MANAGE_SELF)
    if token is None:
        raise TokenNotFoundError(f"there is no token {number[:40]!r}")
    gone = [token, *(other for other in world.tokens() if other.issuer == _by(token))]
    return Plan(
        answer=None,
        steps=tuple(IdentitySaved(record=one, kind=EventKind.TOKEN_REVOKED) for one in gone),
    )


def login(
    world: World, secret: str, number: str, digest: str, name: str, source: str, now: datetime
) -> Plan[Token]:
    """Exchange a one-time token for a personal one. Raises UnauthenticatedError."""
    once = world.token(token_id(secret) or "")
    if once is None or not matches(secret, once.digest) or once.kind is not TokenKind.ONCE:
        raise UnauthenticatedError(
            "this one-time token is unknown or used already; ask an admin for another: "
            "boruta user invite NAME"
        )
    account = world.account(once.account)
    if once.expires <= now or account is None or account.disabled:
        raise UnauthenticatedError(
            "this one-time token is too old, or its account cannot be used; ask an admin for "
            "another: boruta user invite NAME"
        )
    new = NewToken(
        account=account.name, kind=TokenKind.PERSONAL, scope=once.scope, name=name or "login"
    )
    token = made(new, account.id, number, digest, account.name, now)
    note = Note(
        actor=account.name,
        source=source,
        action=Action.LOGIN,
        subject=f"account {account.name}",
        detail={"token": token.id, "with": f"one-time token {once.id}"},
    )
    return Plan(
        answer=token,
        steps=(
            IdentitySaved(record=once, kind=EventKind.TOKEN_REVOKED),
            IdentitySaved(record=token, kind=EventKind.TOKEN_ISSUED),
            Noted(note=note),
        ),
    )


def sign_in(
    world: World,
    secret: str,
    number: str,
    digest: str,
    source: str,
    lasts: timedelta,
    now: datetime,
) -> Plan[Token]:
    """Make the token of a browser's session, which ends with the one it is made of.

    A one-time token is used up by it. Raises UnauthenticatedError.
    """
    shown = world.token(token_id(secret) or "")
    if shown is None or not matches(secret, shown.digest) or shown.kind is TokenKind.JOIN:
        raise UnauthenticatedError(
            "this token is unknown, used already, or lets boards in; ask an admin for another: "
            "boruta user invite NAME"
        )
    account = world.account(shown.account)
    if shown.expires <= now or account is None or account.disabled:
        raise UnauthenticatedError(
            "this token is too old, or its account cannot be used; ask an admin for another: "
            "boruta user invite NAME"
        )
    once = shown.kind is TokenKind.ONCE
    new = NewToken(
        account=account.name,
        scope=shown.scope,
        name=SESSION,
        lifetime=lasts if once else min(lasts, shown.expires - now),
    )
    token = made(new, account.id, number, digest, account.name if once else _by(shown), now)
    gone = [*surplus_sessions(world, account.id, now), *([shown] if once else [])]
    note = Note(
        actor=account.name,
        source=source,
        action=Action.LOGIN,
        subject=f"account {account.name}",
        detail={"token": token.id, "with": f"{shown.kind} token {shown.id}", "by": "page"},
    )
    return Plan(
        answer=token,
        steps=(
            *(IdentitySaved(record=other, kind=EventKind.TOKEN_REVOKED) for other in gone),
            IdentitySaved(record=token, kind=EventKind.TOKEN_ISSUED),
            Noted(note=note),
        ),
    )


def begin(world: World, number: str, digest: str, now: datetime) -> Plan[Token | None]:
    """Make the first admin and a one-time token for him, unless somebody has signed in already.

    A token that nobody used is replaced, so that every start shows one that works.
    """
    accounts = world.accounts()
    tokens = world.tokens()
    fresh = all(account.name == FIRST_ACCOUNT for account in accounts) and all(
        token.kind is TokenKind.ONCE for token in tokens
    )
    if not fresh or (accounts and not tokens):
        return Plan(answer=None)
    steps: list[Step] = [
        IdentitySaved(record=token, kind=EventKind.TOKEN_REVOKED) for token in tokens
    ]
    if accounts:
        (admin,) = accounts
    else:
        admin = Account(
            id=world.fresh_account_id(), name=FIRST_ACCOUNT, role=Role.ADMIN, created=now
        )
        steps.append(IdentitySaved(record=admin, kind=EventKind.ACCOUNT_CHANGED))
    new = NewToken(
        account=FIRST_ACCOUNT,
        kind=TokenKind.ONCE,
        scope=Scope.ADMIN,
        name="first start",
        lifetime=FIRST_TOKEN_LIFE,
    )
    token = made(new, admin.id, number, digest, "farm", now)
    steps.append(IdentitySaved(record=token, kind=EventKind.TOKEN_ISSUED))
    return Plan(answer=token, steps=tuple(steps))


def use(world: World, secret: str, kind: TokenKind, worker: str, now: datetime) -> Plan[Token]:
    """Take one use of a counted token, for ``worker``. Raises UnauthenticatedError.

    The last use removes it.
    """
    token = world.token(token_id(secret) or "")
    if (
        token is None
        or token.kind is not kind
        or not matches(secret, token.digest)
        or token.expires <= now
        or (token.worker is not None and token.worker != worker)
    ):
        raise UnauthenticatedError(
            f"this {kind} token is unknown, used up, too old, or bound to another UUID"
        )
    if token.uses is None:
        return Plan(answer=token)
    left = replace(token, uses=token.uses - 1)
    kind_of_event = EventKind.TOKEN_USED if left.uses else EventKind.TOKEN_REVOKED
    return Plan(answer=left, steps=(IdentitySaved(record=left, kind=kind_of_event),))


def room_for(world: World, owner: str, name: str, now: datetime) -> list[Token]:
    """Return the expired tokens of an account (an id), which go when it gets another.

    Those of CI jobs have room of their own. Raises TokenError where it has too many.
    """
    jobs = (TokenKind.SERVICE, True)
    mine = [
        token
        for token in world.tokens()
        if token.account == owner and (token.kind, bool(token.provider)) != jobs
    ]
    expired = [token for token in mine if token.expires <= now]
    if len(mine) - len(expired) >= MOST_TOKENS:
        raise TokenError(f"{name} has {MOST_TOKENS} tokens already; revoke one first")
    return expired


def surplus_sessions(world: World, owner: str, now: datetime) -> list[Token]:
    """Return the tokens of browsers' sessions that go when an account (an id) gets another."""
    mine = [token for token in world.tokens() if token.account == owner and token.name == SESSION]
    live = sorted((t for t in mine if t.expires > now), key=lambda token: token.created)
    return [
        *(token for token in mine if token.expires <= now),
        *live[: max(0, len(live) + 1 - MOST_SESSIONS)],
    ]


def _by(token: Token) -> str:
    """Return what stands for the issuer of what was made of a token, and ends with it."""
    return f"token {token.id}"


def _check_issuer(caller: Caller, new: NewToken) -> None:
    check_line(new.name, "a token's name")
    for_others = new.account != caller.name or new.kind is not TokenKind.PERSONAL
    if new.kind is TokenKind.JOIN:
        caller.require(Permission.MANAGE_AGENTS)
    elif not (caller.reach(Permission.MANAGE_PEOPLE) if for_others else True):
        caller.require(Permission.MANAGE_PEOPLE)
    elif not for_others:
        caller.require(Permission.MANAGE_SELF)
    if not caller.scope.covers(new.scope):
        raise TokenError(f"a token of scope {caller.scope} cannot make one of scope {new.scope}")
    longest = LONGEST[new.kind]
    if new.lifetime is not None and not timedelta(0) < new.lifetime <= longest:
        raise TokenError(f"a {new.kind} token may live for at most {longest.days} days")
    if new.uses is not None and not 1 <= new.uses <= 100_000:
        raise TokenError("a token may be used from 1 to 100000 times")


def made(
    new: NewToken, account: str, number: str, digest: str, issuer: str, now: datetime
) -> Token:
    """Return a token that nothing has been decided about yet."""
    return Token(
        id=number,
        account=account,
        account_name=new.account,
        kind=new.kind,
        scope=new.scope,
        name=new.name,
        digest=digest,
        created=now,
        expires=now + (new.lifetime or LONGEST[new.kind]),
        issuer=issuer,
        uses=1 if new.kind is TokenKind.ONCE else new.uses,
        worker=new.worker,
    )
