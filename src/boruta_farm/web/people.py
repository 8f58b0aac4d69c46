"""Accounts, groups, tokens and audit entries as JSON, both ways."""

from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from boruta_farm.model.account import Account, AccountChange, Group, GroupChange, Limits
from boruta_farm.model.audit import Entry, Verification
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import Issued, Token, TokenKind
from boruta_farm.web.answers import TimeText
from boruta_farm.web.times import format_time

Text = Annotated[str, Meta(max_length=8192)]
Texts = Annotated[list[Text], Meta(max_length=64)]
Seconds = Annotated[float, Meta(ge=0, le=366 * 86400)]
Number = Annotated[int, Meta(ge=0, le=1_000_000)]


class LimitsJson(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="pascal",
    omit_defaults=True,
):
    """What may be taken at once; what is left out falls to the groups, then to the farm."""

    highest_priority: Number | None = None
    lowest_priority: Number | None = None
    jobs: Number | None = None
    waiting: Number | None = None
    job_time: Seconds | None = None
    prolong_time: Seconds | None = None


class AccountBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """What to change about an account, or how to make one; what is left out stays."""

    role: Role | None = None
    full_name: Text | None = None
    groups: Texts | None = None
    ssh_keys: Texts | None = msgspec.field(name="SSHKeys", default=None)
    keys_on_board: bool | None = None
    networks: Texts | None = None
    limits: LimitsJson | None = None
    disabled: bool | None = None


class GroupBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """What to change about a group, or how to make one; what is left out stays."""

    limits: LimitsJson | None = None
    keys_for_admins: bool | None = None


class TokenBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """What a token is wanted for; `Account` is the caller's own unless given."""

    account: Text | None = None
    kind: TokenKind = TokenKind.PERSONAL
    scope: Scope = Scope.REQUEST
    name: Text = ""
    lifetime: Seconds | None = None
    uses: Number | None = None
    worker: Text | None = msgspec.field(name="WorkerUUID", default=None)


class LoginBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """What the token made by signing in is to be called, such as the machine's name."""

    name: Text = ""


class AccountAnswer(Struct, frozen=True, kw_only=True, rename="pascal"):
    """An account."""

    name: str
    role: str
    full_name: str
    groups: list[str]
    ssh_keys: list[str] = msgspec.field(name="SSHKeys")
    keys_on_board: bool
    networks: list[str]
    limits: LimitsJson
    disabled: bool
    created: TimeText


class GroupAnswer(Struct, frozen=True, kw_only=True, rename="pascal"):
    """A group."""

    name: str
    limits: LimitsJson
    keys_for_admins: bool
    created: TimeText


class TokenAnswer(Struct, frozen=True, kw_only=True, rename="pascal"):
    """A token, never its secret."""

    id: str = msgspec.field(name="ID")
    account: str
    kind: str
    scope: str
    name: str
    created: TimeText
    expires: TimeText
    issuer: str
    uses: int | UnsetType = UNSET
    worker: str | UnsetType = msgspec.field(name="WorkerUUID", default=UNSET)


class IssuedAnswer(Struct, frozen=True, kw_only=True, rename="pascal"):
    """A fresh token with its secret, which is shown this once."""

    secret: str
    token: TokenAnswer


class SelfAnswer(Struct, frozen=True, kw_only=True, rename="pascal"):
    """Who is calling, and what he may take; `Groups` is null where the farm knows no users."""

    name: str
    role: str
    groups: list[str] | None
    scope: str
    limits: LimitsJson
    token: TokenAnswer | None = None


class EntryAnswer(Struct, frozen=True, kw_only=True, rename="pascal"):
    """An entry of the audit; `Seal` is null until it is chained, within a second."""

    number: int
    at: TimeText
    actor: str
    source: str
    action: str
    subject: str
    detail: dict[str, str]
    seal: str | None


class VerificationAnswer(Struct, frozen=True, kw_only=True, rename="pascal"):
    """How far the audit's chain holds; `Broken` is the first entry that does not fit."""

    entries: int
    unsealed: int
    head_number: int
    head: str
    broken: int | None
    words: str


def limits_from(body: LimitsJson | None) -> Limits | None:
    """Return the limits of a body."""
    if body is None:
        return None
    return Limits(
        highest_priority=body.highest_priority,
        lowest_priority=body.lowest_priority,
        jobs=body.jobs,
        waiting=body.waiting,
        job_time=_time(body.job_time),
        prolong_time=_time(body.prolong_time),
    )


def account_change(body: AccountBody) -> AccountChange:
    """Return the change of a body."""
    return AccountChange(
        role=body.role,
        full_name=body.full_name,
        groups=_tuple(body.groups),
        ssh_keys=_tuple(body.ssh_keys),
        keys_on_board=body.keys_on_board,
        networks=_tuple(body.networks),
        limits=limits_from(body.limits),
        disabled=body.disabled,
    )


def group_change(body: GroupBody) -> GroupChange:
    """Return the change of a body."""
    return GroupChange(limits=limits_from(body.limits), keys_for_admins=body.keys_for_admins)


def limits_answer(limits: Limits) -> LimitsJson:
    """Show limits."""
    return LimitsJson(
        highest_priority=limits.highest_priority,
        lowest_priority=limits.lowest_priority,
        jobs=limits.jobs,
        waiting=limits.waiting,
        job_time=_seconds(limits.job_time),
        prolong_time=_seconds(limits.prolong_time),
    )


def account_answer(account: Account) -> AccountAnswer:
    """Show an account."""
    return AccountAnswer(
        name=account.name,
        role=account.role.value,
        full_name=account.full_name,
        groups=list(account.groups),
        ssh_keys=list(account.ssh_keys),
        keys_on_board=account.keys_on_board,
        networks=list(account.networks),
        limits=limits_answer(account.limits),
        disabled=account.disabled,
        created=format_time(account.created),
    )


def group_answer(group: Group) -> GroupAnswer:
    """Show a group."""
    return GroupAnswer(
        name=group.name,
        limits=limits_answer(group.limits),
        keys_for_admins=group.keys_for_admins,
        created=format_time(group.created),
    )


def token_answer(token: Token) -> TokenAnswer:
    """Show a token."""
    return TokenAnswer(
        id=token.id,
        account=token.account,
        kind=token.kind.value,
        scope=token.scope.value,
        name=token.name,
        created=format_time(token.created),
        expires=format_time(token.expires),
        issuer=token.issuer,
        uses=UNSET if token.uses is None else token.uses,
        worker=UNSET if token.worker is None else token.worker,
    )


def issued_answer(issued: Issued) -> IssuedAnswer:
    """Show a fresh token with its secret."""
    return IssuedAnswer(secret=issued.secret, token=token_answer(issued.token))


def entry_answer(entry: Entry) -> EntryAnswer:
    """Show an entry of the audit."""
    return EntryAnswer(
        number=entry.number,
        at=format_time(entry.at),
        actor=entry.actor,
        source=entry.source,
        action=entry.action,
        subject=entry.subject,
        detail=dict(entry.detail),
        seal=entry.seal,
    )


def verification_answer(found: Verification) -> VerificationAnswer:
    """Show how far the chain holds."""
    return VerificationAnswer(
        entries=found.entries,
        unsealed=found.unsealed,
        head_number=found.head_number,
        head=found.head,
        broken=found.broken,
        words=found.words,
    )


def _tuple(texts: list[str] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(texts)


def _time(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()
