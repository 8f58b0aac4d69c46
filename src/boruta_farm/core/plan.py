"""What a decision wants done: records to save and what to tell about them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from boruta_farm.model.audit import Note
from boruta_farm.model.events import EventKind, Identity
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.worker import SessionKey, Worker

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSaved:
    """Save a request together with its job, and tell why."""

    request: Request
    kind: EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSaved:
    """Save a job that its request no longer keeps: an OPENING job that was aborted."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSaved:
    """Save a worker, or remove it when ``removed``, and tell why."""

    worker: Worker
    kind: EventKind
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNoted:
    """Tell something about a worker that changes nothing of its record."""

    worker: Worker
    kind: EventKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationRemembered:
    """Remember which request an Idempotency-Key of an owner (an id) made."""

    owner: str
    key: str
    body_hash: str
    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySaved:
    """Save the key of a preparation."""

    key: SessionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyErased:
    """Erase the key of a preparation."""

    worker: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySaved:
    """Save an account, group or token, or remove it when ``kind`` says so, and tell why."""

    record: Identity
    kind: EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Enter something into the audit that no other step tells."""

    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped:
    """Set the farm's time by so much, and keep the anchor by which a later start finds it."""

    by: timedelta
    anchor: str
    reason: str


Step = (
    RequestSaved
    | JobSaved
    | WorkerSaved
    | WorkerNoted
    | CreationRemembered
    | KeySaved
    | KeyErased
    | IdentitySaved
    | Noted
    | ClockStepped
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[Answer]):
    """Carry the steps of one decision in order, and its answer."""

    answer: Answer
    steps: tuple[Step, ...] = ()
