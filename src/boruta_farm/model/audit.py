"""The audit: who did what, from where, when, each entry chained to the one before it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Shown, Stored

UNKNOWN = "nobody"
"""The actor of calls without a good token."""

_canonical = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class Action(StrEnum):
    """What an entry is about."""

    GRANT = "grant"
    RELEASE = "release"
    KEY_READ = "key.read"
    ACCESS_READ = "access.read"
    LOGIN = "login"
    LOGIN_FAILED = "login.failed"
    REQUEST_CHANGED = "request.changed"
    REQUEST_CLOSED = "request.closed"
    REQUEST_ACT = "request.act"
    REQUEST_SHARED = "request.shared"
    REQUEST_UNSHARED = "request.unshared"
    REQUEST_KEYED = "request.keyed"
    REQUEST_NUDGED = "request.nudged"
    WORKER_REGISTERED = "worker.registered"
    WORKER_CHANGED = "worker.changed"
    WORKER_STATE = "worker.state"
    WORKER_FAILED = "worker.failed"
    WORKER_LOST = "worker.lost"
    WORKER_BACK = "worker.back"
    WORKER_DEREGISTERED = "worker.deregistered"
    AGENT_REFUSED = "agent.refused"
    AGENT_ENROLLED = "agent.enrolled"
    AGENT_REVOKED = "agent.revoked"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_REMOVED = "account.removed"
    GROUP_CHANGED = "group.changed"
    GROUP_REMOVED = "group.removed"
    TOKEN_ISSUED = "token.issued"
    TOKEN_USED = "token.used"
    TOKEN_REVOKED = "token.revoked"
    RESTORED = "restored"
    CLOCK_STEPPED = "clock.stepped"
    AUDIT_CUT = "audit.cut"
    HISTORY_CUT = "history.cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Carry what is to be entered; time and number are the writer's.

    ``actor`` is an account's name, ``farm`` for the server's own doing, or ``agent UUID``;
    ``source`` the address it came from. ``subject`` is what it was done to, such as
    ``request 12``. Details are short texts without secrets.
    """

    actor: str
    action: Action
    subject: str
    source: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Record one entry; ``seal`` is None until the sealer has chained it."""

    number: Annotated[int, Shown("Number", "rises without gaps"), Stored(key=True)]
    at: Annotated[datetime, Shown("At", "when")]
    actor: Annotated[str, Shown("Actor", "an account, `farm`, `nobody` or `agent UUID`")]
    source: Annotated[str, Shown("Source", "the address it came from")]
    action: Annotated[str, Shown("Action", "what was done")]
    subject: Annotated[str, Shown("Subject", "what it was done to, such as `request 12`")]
    detail: Annotated[
        Mapping[str, str], Shown("Detail", "more of it, without secrets"), Stored(values="own")
    ]
    seal: Annotated[
        str | None, Shown("Seal", "null until it is chained, within a second", null=True)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Keep entries that match every field given; ``after`` is a number to go on behind."""

    after: int = 0
    limit: int = 1000
    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Tell how far the chain holds.

    ``entries`` were checked, ``unsealed`` newest ones wait for the sealer. ``broken`` is the
    number of the first entry that does not fit, with ``words`` saying how. ``head`` is the last
    good seal: whoever writes it down elsewhere can prove later that nothing before it changed.
    ``cut`` is the number up to which entries were cut off by policy, which a later one proves.
    """

    entries: Annotated[int, Shown("Entries", "that were checked")]
    unsealed: Annotated[int, Shown("Unsealed", "newest ones that wait for the sealer")]
    head_number: Annotated[int, Shown("HeadNumber", "of the last good entry")]
    head: Annotated[str, Shown("Head", "the last good seal")]
    broken: Annotated[
        int | None, Shown("Broken", "the first entry that does not fit", null=True)
    ] = None
    words: Annotated[str, Shown("Words", "how it does not fit")] = ""
    cut: Annotated[int, Shown("Cut", "the number up to which entries were cut off by policy")] = 0


UP_TO = "up_to"
SEAL = "seal"
"""What an entry about a cut tells in its details: the last number cut off, and its seal."""


def cut_at(number: int, seal: str) -> Note:
    """Return what is entered when all entries up to ``number``, which has this seal, are cut off.

    It stands in the chain for what is gone: the next entry is chained to the seal that it names.
    """
    detail = {UP_TO: str(number), SEAL: seal}
    return Note(actor="farm", action=Action.AUDIT_CUT, subject="audit", detail=detail)


def history_cut_at(requests: Sequence[int]) -> Note:
    """Return what is entered when finished requests, by their ids in order, are removed."""
    detail = {"requests": str(len(requests)), "first": str(requests[0]), UP_TO: str(requests[-1])}
    return Note(actor="farm", action=Action.HISTORY_CUT, subject="history", detail=detail)


def first_seal(farm_id: str) -> str:
    """Return what the first entry is chained to."""
    return hashlib.sha256(f"boruta audit of farm {farm_id}".encode()).hexdigest()


def seal_of(previous: str, entry: AuditEntry) -> str:
    """Return the seal of an entry behind the one sealed with ``previous``."""
    content = [
        entry.number,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor,
        entry.source,
        entry.action,
        entry.subject,
        dict(sorted(entry.detail.items())),
    ]
    text = _canonical(content)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
