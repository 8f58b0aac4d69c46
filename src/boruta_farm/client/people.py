"""Accounts, groups, tokens and audit entries of the wire as records."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from boruta_farm.client.fields import Fields
from boruta_farm.model.account import Account, AccountChange, Group, GroupChange, Limits
from boruta_farm.model.audit import Entry, Verification
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import Issued, Token, TokenKind

Json = dict[str, object]

LIMITS = {
    "highest_priority": "HighestPriority",
    "lowest_priority": "LowestPriority",
    "jobs": "Jobs",
    "waiting": "Waiting",
    "job_time": "JobTime",
    "prolong_time": "ProlongTime",
}
"""Fields of ``Limits`` and their keys; durations travel in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """Tell who is calling; ``groups`` is None where the farm knows no users."""

    name: str
    role: Role
    groups: tuple[str, ...] | None
    scope: Scope
    limits: Limits
    token: Token | None


def limits_body(limits: Limits) -> Json:
    """Return limits for a body."""
    body: Json = {}
    for name, key in LIMITS.items():
        value = getattr(limits, name)
        if value is not None:
            body[key] = value.total_seconds() if isinstance(value, timedelta) else value
    return body


def account_body(change: AccountChange) -> Json:
    """Return an account's change for a body."""
    given: Mapping[str, object | None] = {
        "Role": None if change.role is None else change.role.value,
        "FullName": change.full_name,
        "Groups": change.groups,
        "SSHKeys": change.ssh_keys,
        "KeysOnBoard": change.keys_on_board,
        "Networks": change.networks,
        "Limits": None if change.limits is None else limits_body(change.limits),
        "Disabled": change.disabled,
    }
    return {key: value for key, value in given.items() if value is not None}


def group_body(change: GroupChange) -> Json:
    """Return a group's change for a body."""
    body: Json = {}
    if change.limits is not None:
        body["Limits"] = limits_body(change.limits)
    if change.keys_for_admins is not None:
        body["KeysForAdmins"] = change.keys_for_admins
    return body


def read_limits(fields: Fields | None) -> Limits:
    """Return limits."""
    if fields is None:
        return Limits()
    return Limits(
        highest_priority=fields.optional_number("HighestPriority"),
        lowest_priority=fields.optional_number("LowestPriority"),
        jobs=fields.optional_number("Jobs"),
        waiting=fields.optional_number("Waiting"),
        job_time=_duration(fields, "JobTime"),
        prolong_time=_duration(fields, "ProlongTime"),
    )


def read_account(value: object) -> Account:
    """Return an account."""
    fields = Fields(value, "an account")
    return Account(
        name=fields.text("Name"),
        role=fields.choice("Role", Role),
        created=fields.time("Created"),
        full_name=fields.optional_text("FullName") or "",
        groups=fields.optional_texts("Groups") or (),
        ssh_keys=fields.optional_texts("SSHKeys") or (),
        keys_on_board=fields.flag("KeysOnBoard"),
        networks=fields.optional_texts("Networks") or (),
        limits=read_limits(fields.optional_object("Limits", "limits")),
        disabled=fields.flag("Disabled"),
    )


def read_group(value: object) -> Group:
    """Return a group."""
    fields = Fields(value, "a group")
    return Group(
        name=fields.text("Name"),
        created=fields.time("Created"),
        limits=read_limits(fields.optional_object("Limits", "limits")),
        keys_for_admins=fields.flag("KeysForAdmins"),
    )


def read_token(value: object) -> Token:
    """Return a token; a server tells no digests."""
    fields = Fields(value, "a token")
    return Token(
        id=fields.text("ID"),
        account=fields.text("Account"),
        kind=fields.choice("Kind", TokenKind),
        scope=fields.choice("Scope", Scope),
        name=fields.optional_text("Name") or "",
        digest="",
        created=fields.time("Created"),
        expires=fields.time("Expires"),
        issuer=fields.optional_text("Issuer") or "",
        uses=fields.optional_number("Uses"),
        worker=fields.optional_text("WorkerUUID"),
    )


def read_issued(value: object) -> Issued:
    """Return a fresh token with its secret."""
    fields = Fields(value, "a fresh token")
    token: Mapping[str, object] = value if isinstance(value, dict) else {}
    return Issued(token=read_token(token.get("Token")), secret=fields.text("Secret"))


def read_self(value: object) -> Self:
    """Return who is calling."""
    fields = Fields(value, "the caller")
    content: Mapping[str, object] = value if isinstance(value, dict) else {}
    token = content.get("Token")
    return Self(
        name=fields.text("Name"),
        role=fields.choice("Role", Role),
        groups=fields.optional_texts("Groups"),
        scope=fields.choice("Scope", Scope),
        limits=read_limits(fields.optional_object("Limits", "limits")),
        token=None if token is None else read_token(token),
    )


def read_entry(value: object) -> Entry:
    """Return an entry of the audit."""
    fields = Fields(value, "an audit entry")
    return Entry(
        number=fields.number("Number"),
        at=fields.time("At"),
        actor=fields.text("Actor"),
        source=fields.optional_text("Source") or "",
        action=fields.text("Action"),
        subject=fields.text("Subject"),
        detail=fields.optional_text_map("Detail") or {},
        seal=fields.optional_text("Seal"),
    )


def read_verification(value: object) -> Verification:
    """Return how far the audit's chain holds."""
    fields = Fields(value, "a verification")
    return Verification(
        entries=fields.number("Entries"),
        unsealed=fields.number("Unsealed"),
        head_number=fields.number("HeadNumber"),
        head=fields.text("Head"),
        broken=fields.optional_number("Broken"),
        words=fields.optional_text("Words") or "",
    )


def _duration(fields: Fields, key: str) -> timedelta | None:
    seconds = fields.optional_amount(key)
    return None if seconds is None else timedelta(seconds=seconds)
