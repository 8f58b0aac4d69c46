"""What happens on somebody else's word: a provider's about a person, a CI system's about a job.

A person is issuer and subject; a name is a label that the provider may give to another tomorrow,
so no account is ever found by it (issue 12).
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from boruta_farm.core.accounts import check_account, check_admins, check_new_name
from boruta_farm.core.auditing import FARM
from boruta_farm.core.judging import judge_running
from boruta_farm.core.plan import CreationRemembered, IdentitySaved, Noted, Plan, Step
from boruta_farm.core.tokens import SESSION, made, room_for, surplus_sessions
from boruta_farm.core.world import World
from boruta_farm.model.account import Account
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.errors import AccountError, UnauthenticatedError
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Scope
from boruta_farm.model.sign_in import Identified, Workload
from boruta_farm.model.token import NewToken, Token, TokenKind

LONGEST_NAME = 64
MOST_WORKLOADS = 1000
"""Tokens that one account may have at once for jobs of CI systems."""

_UNNAMED = re.compile(r"[^A-Za-z0-9._@-]+")


def enter(
    world: World,
    person: Identified,
    number: str,
    digest: str,
    name: str,
    source: str,
    now: datetime,
    refresh: bytes = b"",
) -> Plan[Token]:
    """Sign a person in on his provider's word; his account is made at the first time.

    ``name`` is the token's; ``SESSION`` is a browser's. Raises UnauthenticatedError, AccountError.
    """
    account, steps = _judged(world, person, now)
    new = NewToken(
        account=account.name, scope=Scope.ADMIN, name=name or "login", lifetime=person.lasts
    )
    if name == SESSION:
        gone = surplus_sessions(world, account.id, now)
    else:
        gone = room_for(world, account.id, account.name, now)
    token = replace(
        made(new, account.id, number, digest, account.name, now),
        provider=person.provider,
        refresh=refresh,
        judged=now,
    )
    note = Note(
        actor=account.name,
        source=source,
        action=Action.LOGIN,
        subject=f"account {account.name}",
        detail={
            "token": token.id,
            "with": f"provider {person.provider}",
            "identity": person.identity,
        },
    )
    return Plan(
        answer=token,
        steps=(
            *steps,
            *_revoked(gone),
            IdentitySaved(record=token, kind=EventKind.TOKEN_ISSUED),
            Noted(note=note),
        ),
    )


def vouch_again(
    world: World, token_id: str, person: Identified, refresh: bytes, now: datetime
) -> Plan[None]:
    """Take in what a provider says of somebody who is signed in by it.

    A token that is gone meanwhile stays so. Raises UnauthenticatedError where the account is not
    his, or cannot be used, and AccountError.
    """
    token = world.token(token_id)
    if token is None:
        return Plan(answer=None)
    account, steps = _judged(world, replace(person, create=False), now)
    if account.id != token.account:
        raise UnauthenticatedError(f"{account.name} is whom the provider means now")
    saved = replace(token, refresh=refresh, judged=now)
    step = IdentitySaved(record=saved, kind=EventKind.TOKEN_JUDGED)
    return Plan(answer=None, steps=(*steps, step))


def unvouched(world: World, token_id: str, reason: str) -> Plan[None]:
    """End a sign-in whose provider does not vouch for it any more, harmless when it is gone."""
    token = world.token(token_id)
    if token is None:
        return Plan(answer=None)
    note = Note(
        actor=FARM,
        action=Action.LOGIN_FAILED,
        subject=f"account {token.account_name}",
        detail={"token": token.id, "with": f"provider {token.provider}", "reason": reason},
    )
    # What was made with it ends with it.
    gone = [token, *(other for other in world.tokens() if other.issuer == f"token {token.id}")]
    return Plan(answer=None, steps=(*_revoked(gone), Noted(note=note)))


def admit_workload(
    world: World, workload: Workload, number: str, digest: str, source: str, now: datetime
) -> Plan[Token]:
    """Make a short token for a job of a CI system, once for each token that it shows.

    Raises UnauthenticatedError.
    """
    account = world.account_named(workload.account)
    if account is None or account.disabled:
        raise UnauthenticatedError(
            f"the account {workload.account} of the rule {workload.rule} cannot be used at present"
        )
    shown = f"workload {workload.issuer}"
    if world.remembered_creation(shown, workload.proof) is not None:
        raise UnauthenticatedError(
            "this token was exchanged before, and counts once; let the job ask its CI system for "
            "another"
        )
    mine = [
        token
        for token in world.tokens()
        if token.account == account.id and token.kind is TokenKind.SERVICE and token.provider
    ]
    expired = [token for token in mine if token.expires <= now]
    if len(mine) - len(expired) >= MOST_WORKLOADS:
        raise UnauthenticatedError(
            f"{account.name} has {MOST_WORKLOADS} tokens of jobs already; spread them over several "
            "accounts, or let their rules' tokens last shorter"
        )
    new = NewToken(
        account=account.name,
        kind=TokenKind.SERVICE,
        scope=Scope.REQUEST,
        name=workload.rule,
        lifetime=workload.lasts,
    )
    token = replace(
        made(new, account.id, number, digest, FARM, now), provider=f"workload {workload.rule}"
    )
    note = Note(
        actor=account.name,
        source=source,
        action=Action.LOGIN,
        subject=f"account {account.name}",
        detail={"token": token.id, "with": f"workload {workload.rule}", **workload.told},
    )
    return Plan(
        answer=token,
        steps=(
            CreationRemembered(owner=shown, key=workload.proof, body_hash="", request_id=0),
            *_revoked(expired),
            IdentitySaved(record=token, kind=EventKind.TOKEN_ISSUED),
            Noted(note=note),
        ),
    )


def _judged(world: World, person: Identified, now: datetime) -> tuple[Account, tuple[Step, ...]]:
    """Return the person's account as it is after his claims, and what makes it so."""
    accounts = world.accounts()
    stored = next((one for one in accounts if one.identity == person.identity), None)
    if stored is None:
        stored = _first(world, person, now)
    elif stored.disabled:
        raise UnauthenticatedError(f"the account {stored.name} is disabled; ask an admin")
    managed = {name for name in person.managed if world.group(name) is not None}
    groups = (set(stored.groups) - managed) | (person.groups & managed)
    account = replace(
        stored,
        groups=tuple(sorted(groups)),
        role=person.role or stored.role,
        full_name=person.full_name or stored.full_name,
    )
    if account == stored and stored.revision:
        return account, ()
    account = replace(account, revision=stored.revision + 1)
    check_account(world, account)
    check_admins(world, account)
    saved = IdentitySaved(record=account, kind=EventKind.ACCOUNT_CHANGED)
    return account, (saved, *judge_running(world, account, now))


def _first(world: World, person: Identified, now: datetime) -> Account:
    """Return the account of somebody who was never here, not saved yet."""
    link = f"boruta user set NAME --identity '{person.identity}'"
    if not person.create:
        raise UnauthenticatedError(
            f"nobody here is known to {person.provider} as this one; an admin ties an account to "
            f"it by: {link}"
        )
    name = _UNNAMED.sub("-", person.name).strip("-.")[:LONGEST_NAME]
    try:
        check_new_name(world, name)
    except AccountError as refusal:
        raise UnauthenticatedError(
            f"no account could be made for you: {refusal.message}. If that one is yours, an admin "
            f"ties it to {person.provider} by: {link}"
        ) from refusal
    return Account(
        id=world.fresh_account_id(),
        name=name,
        role=person.role or person.first_role,
        identity=person.identity,
        created=now,
        revision=0,
    )


def _revoked(tokens: Iterable[Token]) -> tuple[IdentitySaved, ...]:
    return tuple(IdentitySaved(record=one, kind=EventKind.TOKEN_REVOKED) for one in tokens)
