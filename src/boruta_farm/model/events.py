"""What happened, as told to followers and to the outside."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.account import Account, Group
from boruta_farm.model.declared import Shown, Stored
from boruta_farm.model.request import Request
from boruta_farm.model.token import Token
from boruta_farm.model.worker import Worker


class EventKind(StrEnum):
    """Past-tense names of everything that can happen."""

    REQUEST_CREATED = "request.created"
    REQUEST_UPDATED = "request.updated"
    REQUEST_READYING = "request.readying"
    REQUEST_OPENING = "request.opening"
    REQUEST_REQUEUED = "request.requeued"
    REQUEST_STARTED = "request.started"
    REQUEST_PROLONGED = "request.prolonged"
    REQUEST_SHARED = "request.shared"
    REQUEST_NUDGED = "request.nudged"
    REQUEST_USED = "request.used"
    REQUEST_IDLE = "request.idle"
    REQUEST_FINISHED = "request.finished"
    REQUEST_ORPHANED = "request.orphaned"
    REQUEST_ADOPTED = "request.adopted"
    WORKER_REGISTERED = "worker.registered"
    WORKER_CHANGED = "worker.changed"
    WORKER_DESCRIBED = "worker.described"
    WORKER_STATE = "worker.state"
    WORKER_LOST = "worker.lost"
    WORKER_BACK = "worker.back"
    WORKER_DISPUTED = "worker.disputed"
    WORKER_DEREGISTERED = "worker.deregistered"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_REMOVED = "account.removed"
    GROUP_CHANGED = "group.changed"
    GROUP_REMOVED = "group.removed"
    CLOCK_STEPPED = "clock.stepped"
    HISTORY_CUT = "history.cut"
    TOKEN_ISSUED = "token.issued"
    TOKEN_USED = "token.used"
    TOKEN_JUDGED = "token.judged"
    TOKEN_REVOKED = "token.revoked"

    @property
    def private(self) -> bool:
        """Tell whether the event concerns the server alone and is not told to the outside."""
        return self.startswith(("account.", "group.", "token."))

    @property
    def removes(self) -> bool:
        """Tell whether the record is gone after the event."""
        return self.endswith((".removed", ".revoked", ".deregistered"))


Identity = Account | Group | Token
"""What the farm knows of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Tell one thing that happened; ``number`` rises in commit order without gaps.

    ``state`` is the state after the event. Small on purpose: whoever needs more reads the
    record, so that an event never leaks capabilities, keys or owners.
    """

    number: Annotated[int, Shown("Number", "rises without gaps"), Stored(key=True)]
    at: Annotated[datetime, Shown("At", "when it happened")]
    kind: Annotated[EventKind, Shown("Kind", "what happened")]
    request_id: Annotated[int | None, Shown("Request", "the request's ID", null=True)] = None
    worker: Annotated[str | None, Shown("Worker", "the worker's UUID", null=True)] = None
    state: Annotated[str | None, Shown("State", "the state after it", null=True)] = None
    reason: Annotated[str | None, Shown("Reason", "why", null=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Carry an event together with the record after it, for followers in the same process.

    For what was removed the record is its last one.
    """

    event: Event
    request: Request | None = None
    worker: Worker | None = None
    identity: Identity | None = None


def stepped(changes: Iterable[Change]) -> bool:
    """Tell whether the farm's time was set: who has planned by it must begin anew."""
    return any(change.event.kind is EventKind.CLOCK_STEPPED for change in changes)
