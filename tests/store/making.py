"""Records and commands for the store's tests."""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from boruta_farm.model.declared import Field, declared
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Fence, SessionKey, Worker, WorkerState
from boruta_farm.store.base import Decide, Transaction

Seen = TypeVar("Seen")
Whole = TypeVar("Whole")

START = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


class HandClock:
    """Show the time that a test sets."""

    def __init__(self, time: datetime = START) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    @property
    def anchor(self) -> int:
        return 0

    def drift(self) -> timedelta:
        return timedelta()

    def step(self, by: timedelta) -> None:
        self.time += by

    def advance(self, by: timedelta) -> None:
        self.time += by


def make_request(number: int = 1, **changes: object) -> Request:
    request = Request(
        id=number,
        owner="admin",
        owner_groups=None,
        priority=8,
        valid_after=START,
        deadline=START + timedelta(days=30),
        state=RequestState.WAITING,
        caps={"arch": "arm"},
        created=START,
    )
    return replace(request, **changes)  # type: ignore[arg-type]  # a test names the fields


def make_worker(number: int = 1, **changes: object) -> Worker:
    uuid = f"00000000-0000-4000-8000-{number:012}"
    worker = Worker(
        uuid=uuid,
        name=f"board-{number}",
        state=WorkerState.IDLE,
        since=START,
        caps={"UUID": uuid, "arch": "arm"},
        groups=(),
        epoch=1,
        fence=Fence.AGENT,
        dryad_address="192.0.2.1:7175",
        ssh_address="192.0.2.1:22",
        port=20000 + number,
        registered=START,
    )
    return replace(worker, **changes)  # type: ignore[arg-type]  # a test names the fields


def make_job(request_id: int, worker: Worker, **changes: object) -> Job:
    job = Job(
        request_id=request_id,
        worker=worker.uuid,
        epoch=worker.epoch,
        phase=JobPhase.LIVE,
        granted=START,
        timeout=START + HOUR,
        limit=START + 24 * HOUR,
    )
    return replace(job, **changes)  # type: ignore[arg-type]  # a test names the fields


STEP = timedelta(microseconds=1)


def full(kind: type[Whole], **given: object) -> Whole:
    """Return a record of which every field that is stored has a value of its own, no default."""
    record: type = kind
    fields = declared(record)
    made = {
        field.name: given.get(
            field.name, _other(field, place) if field.stored.kept else field.default
        )
        for place, field in enumerate(fields, 1)
    }
    for field in fields:
        value = made[field.name]
        if field.name not in given and field.stored.kept:
            assert value is not None, field.name
            assert field.needed or value != field.default, field.name
            if not isinstance(value, bool | Enum):
                others = [made[f.name] for f in fields if f is not field]
                assert value not in others, f"{field.name} is like another field"
    return kind(**made)


def _other(field: Field, place: int) -> object:
    kind: Any = field.kind
    if is_dataclass(kind):
        part: Any = kind
        return full(part)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(member for member in reversed(kind) if member != field.default)
    values: dict[Any, object] = {
        int: 1000 + place,
        str: f'{field.name}: \\ " ż',
        bool: not field.default,
        bytes: b"\0\xff" + field.name.encode(),
        datetime: START + place * STEP,
        timedelta: timedelta(seconds=place),
        frozenset[str]: frozenset({"b", field.name}),
        tuple[str, ...]: (field.name, "a", "ż"),
        tuple[datetime, ...]: (START + place * HOUR, START),
        tuple[float, ...]: (float(place), 0.5),
        Mapping[str, str]: {field.name: 'va"lue', "ż": "\ud800\0"},
    }
    return values[kind]


def creating(**changes: object) -> Decide[int]:
    """Return a command that files a request and answers with its id."""

    def decide(tx: Transaction, now: datetime) -> int:
        request = make_request(tx.next_request_id(), **{"created": now, **changes})
        tx.save_request(request, EventKind.REQUEST_CREATED)
        return request.id

    return decide


def changing(
    request_id: int, kind: EventKind = EventKind.REQUEST_UPDATED, **changes: object
) -> Decide[Request]:
    """Return a command that changes a request and answers with it."""

    def decide(tx: Transaction, now: datetime) -> Request:
        stored = tx.request(request_id)
        assert stored is not None
        changed: Request = replace(
            stored,
            revision=stored.revision + 1,
            **changes,  # type: ignore[arg-type]  # a test names the fields
        )
        tx.save_request(changed, kind)
        return changed

    return decide


def saving(request: Request) -> Decide[None]:
    """Return a command that saves a request as it is."""

    def decide(tx: Transaction, now: datetime) -> None:
        tx.save_request(request, EventKind.REQUEST_UPDATED)

    return decide


def keeping(key: SessionKey) -> Decide[SessionKey]:
    """Return a command that saves a session key and answers with it."""

    def decide(tx: Transaction, now: datetime) -> SessionKey:
        tx.save_key(key)
        return key

    return decide


def erasing(key: SessionKey) -> Decide[None]:
    """Return a command that erases a session key."""

    def decide(tx: Transaction, now: datetime) -> None:
        tx.erase_key(key.worker, key.epoch)

    return decide


def finishing(request_id: int, state: RequestState = RequestState.CANCELLED) -> Decide[Request]:
    """Return a command that finishes a request."""

    def decide(tx: Transaction, now: datetime) -> Request:
        command = changing(
            request_id, EventKind.REQUEST_FINISHED, state=state, finished=now, reason="a test"
        )
        return command(tx, now)

    return decide


def registering(worker: Worker) -> Decide[None]:
    """Return a command that saves a worker."""

    def decide(tx: Transaction, now: datetime) -> None:
        tx.save_worker(worker, EventKind.WORKER_REGISTERED)

    return decide


def granting(request_id: int, uuid: str) -> Decide[Job]:
    """Return a command that lends a worker to a request, without asking whether it may."""

    def decide(tx: Transaction, now: datetime) -> Job:
        request, worker = tx.request(request_id), tx.worker(uuid)
        assert request is not None
        assert worker is not None
        job = make_job(request_id, worker)
        tx.save_request(
            replace(
                request, revision=request.revision + 1, state=RequestState.IN_PROGRESS, job=job
            ),
            EventKind.REQUEST_STARTED,
        )
        running = replace(worker, revision=worker.revision + 1, state=WorkerState.RUNNING)
        tx.save_worker(running, EventKind.WORKER_STATE)
        return job

    return decide


def ending(request_id: int) -> Decide[None]:
    """Return a command that ends a request's job and prepares the worker in the next epoch."""

    def decide(tx: Transaction, now: datetime) -> None:
        request = tx.request(request_id)
        assert request is not None
        assert request.job is not None
        worker = tx.worker(request.job.worker)
        assert worker is not None
        tx.save_request(
            replace(
                request,
                revision=request.revision + 1,
                state=RequestState.DONE,
                finished=now,
                job=replace(request.job, phase=JobPhase.ENDED, ended=now),
            ),
            EventKind.REQUEST_FINISHED,
        )
        tx.save_worker(
            replace(worker, revision=worker.revision + 1, epoch=worker.epoch + 1),
            EventKind.WORKER_STATE,
        )

    return decide


def reading(read: Callable[[Transaction], Seen]) -> Decide[Seen]:
    """Return a command that only reads."""

    def decide(tx: Transaction, now: datetime) -> Seen:
        return read(tx)

    return decide
