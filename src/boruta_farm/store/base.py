"""What every store does, whatever database lies below."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar, runtime_checkable

from boruta_farm.core.world import World
from boruta_farm.histogram import Histogram
from boruta_farm.model.audit import AuditEntry, AuditFilter, Note
from boruta_farm.model.console import ConsoleChunk, ConsoleLog
from boruta_farm.model.events import Change, Event, EventKind, Identity
from boruta_farm.model.job import Job
from boruta_farm.model.listing import (
    Page,
    Paginator,
    Removed,
    RequestFilter,
    Sorter,
    WorkerFilter,
)
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.summary import Summary
from boruta_farm.model.waiting import Waiting
from boruta_farm.model.worker import SessionKey, Worker

Answer = TypeVar("Answer")


class Transaction(World, Protocol):
    """Read and change records inside the writer: a ``World`` that also takes what was decided.

    Changes are kept aside until the command has succeeded (its savepoint) and reach the database
    once per table and batch.
    """

    def lead(self) -> None:
        """Raise UnavailableError unless this server is the one of the farm's that leads."""
        ...

    def summary(self, subject: str) -> Summary | None:
        """Return what is known of a subject."""
        ...

    def save_summary(self, summary: Summary) -> None:
        """Save what is known of a subject, in place of what was known before."""
        ...

    def save_request(self, request: Request, kind: EventKind) -> None:
        """Save a request with its job and journal ``kind``.

        A request with revision 1 is new. Any other replaces the one with the revision before:
        compare-and-set.
        """
        ...

    def save_job(self, job: Job) -> None:
        """Save a job that its request no longer keeps."""
        ...

    def save_worker(self, worker: Worker, kind: EventKind) -> None:
        """Save a worker and journal ``kind``; revision 1 is new, others compare-and-set."""
        ...

    def remove_worker(self, worker: Worker, kind: EventKind) -> None:
        """Remove a worker, remember its epoch, and journal ``kind``."""
        ...

    def note_worker(self, worker: Worker, kind: EventKind, reason: str) -> None:
        """Journal ``kind`` with a reason of its own; the worker stays as it is."""
        ...

    def remember_creation(self, owner: str, key: str, body_hash: str, request_id: int) -> None:
        """File a request under an Idempotency-Key, kept for the settings' time."""
        ...

    def save_key(self, key: SessionKey) -> None:
        """Save the key of a preparation, in place of an earlier one of the same epoch."""
        ...

    def erase_key(self, uuid: str, epoch: int) -> None:
        """Erase the key of a preparation, harmless when there is none."""
        ...

    def save_identity(self, record: Identity, kind: EventKind) -> None:
        """Save an account, group or token, or remove it if ``kind`` says so, and journal it."""
        ...

    def note(self, note: Note) -> None:
        """Enter something into the audit, in this command's transaction."""
        ...

    def unsealed(self, limit: int) -> tuple[AuditEntry, ...]:
        """Return the oldest committed audit entries that have no seal yet."""
        ...

    def last_seal(self) -> str | None:
        """Return the newest seal of the audit, None before the first."""
        ...

    def cut_audit(self, before: datetime, most: int, limit: int) -> bool:
        """Cut off the oldest audit entries, and enter that; tell whether there were any.

        Those go that are older than ``before``, and those beyond the newest ``most``, up to
        ``limit`` at once. Only what is sealed goes, and never the newest seal.
        """
        ...

    def cut_history(self, before: datetime, most: int, limit: int) -> bool:
        """Remove the oldest finished requests, and enter that; tell whether there were any.

        Those go that finished earlier than ``before``, and those beyond ``most`` requests, up to
        ``limit`` at once, with their jobs and consoles' logs; none that others may still ask for
        (``FarmSettings.kept_anyway``).
        """
        ...

    def keep_anchor(self, anchor: str) -> None:
        """Keep the text by which a later start finds the farm's time."""
        ...

    def keep_mark(self, name: str, text: str) -> None:
        """Keep a text beside the records, in place of an earlier one of this name."""
        ...

    def step_clock(self, by: timedelta, anchor: str, reason: str) -> None:
        """Set the writer's time by so much once this command is over, and journal it.

        What it counts itself (idempotency keys) moves along.
        """
        ...

    def job_request(self, uuid: str, epoch: int) -> int | None:
        """Return the request whose job a preparation of a worker became, None where none did."""
        ...

    def save_console(self, request_id: int, epoch: int, chunk: ConsoleChunk) -> None:
        """Save a part of a job's log, unless it is there already."""
        ...

    def seal(self, seals: Mapping[int, str]) -> None:
        """Save the seals of audit entries by number."""
        ...


Decide = Callable[[Transaction, datetime], Answer]
"""A command: decides from what it reads, saves through the transaction, returns its answer.

It may run more than once (when a batch is refused as a whole), so it must have no other effect.
With SQLite it runs on the event loop, with PostgreSQL in a thread: it must be quick,
and touch nothing that others change meanwhile.
"""

Listener = Callable[[tuple[Change, ...]], None]
"""Called on the event loop once per committed batch, in commit order, never blocking."""


@runtime_checkable
class Brief(Protocol):
    """Requests that are kept so that those which only wait can be told in brief."""

    def brief(self) -> Iterator[Request | Waiting]:
        """Go through all of them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Carry all that is unfinished as of event ``number``, and what ended jobs have taught."""

    number: int
    requests: Iterable[Request]
    workers: tuple[Worker, ...]
    summaries: tuple[Summary, ...] = ()

    def brief(self) -> Iterator[Request | Waiting]:
        """Go through the requests in a third of the time, those that only wait told in brief."""
        return self.requests.brief() if isinstance(self.requests, Brief) else iter(self.requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSnapshot:
    """Carry all accounts, groups and tokens as of event ``number``."""

    number: int
    records: tuple[Identity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTime:
    """Carry the newest time of a commit, and the anchor that was kept last, empty for none."""

    newest: datetime
    anchor: str


CLOCK_MARK = "clock"
"""The mark by which a later start finds the farm's time."""

COMMIT_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class WriteFigures:
    """Measure batches: seconds from their begin until they were committed, and their commands."""

    def __init__(self) -> None:
        self.seconds = Histogram(COMMIT_SECONDS)
        self.commands = Histogram(BATCH_SIZES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmSize:
    """Tell how much there is.

    ``unfinished`` counts requests by state and priority, ``finished`` those that are kept by
    state. ``last_event`` is the newest event's number, ``size`` the database's size in bytes.
    """

    unfinished: Mapping[tuple[RequestState, int], int]
    finished: Mapping[RequestState, int]
    last_event: int
    size: int


class Store(Protocol):
    """Keep the farm's records.

    ``start`` opens and migrates the database, ``close`` stops the writer after what it has.
    """

    @property
    def farm_id(self) -> str:
        """Return the farm's id, made once with the database."""
        ...

    async def start(self) -> None:
        """Open, back up and migrate, start the writer. Raises StoreError for a newer schema."""
        ...

    async def close(self) -> None:
        """Write what was accepted, then close."""
        ...

    async def execute(self, decide: Decide[Answer], *, patient: bool = False) -> Answer:
        """Run a command in the writer and return its answer after COMMIT.

        A ``patient`` one may wait a moment, to be committed with something else. A BorutaError
        raised by the command undoes this command alone. Raises OverloadedError when 4,096 commands
        wait, OutcomeUnknownError when a COMMIT failed, StorageFullError.
        """
        ...

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every committed batch from now on."""
        ...

    def forget(self, listener: Listener) -> None:
        """Stop calling ``listener``."""
        ...

    def on_doubt(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` on the loop when a COMMIT's outcome is unknown.

        Whoever follows the store's changes must then take a new snapshot.
        """
        ...

    def on_step(self, hook: Callable[[timedelta], None]) -> None:
        """Call ``hook`` on the loop when a committed command has set the farm's time.

        It is called before any follower hears of the batch, which then folds it at once.
        """
        ...

    @property
    def leading(self) -> bool:
        """Tell whether this server leads, as far as it knows; a single one always does."""
        ...

    @property
    def servers(self) -> int:
        """Return how many servers use the database, this one included, as last seen."""
        ...

    def on_lead(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` on the loop when ``leading`` has changed."""
        ...

    def on_people_elsewhere(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` on the loop when another server has changed accounts, groups or tokens.

        Who, is not told: read them anew.
        """
        ...

    def on_heard(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` on the loop when another server may have written what is no event."""
        ...

    async def foreign_time(self) -> datetime | None:
        """Return what the clock of the database's machine shows, None where that is this one."""
        ...

    async def mark(self, name: str) -> str | None:
        """Return a text that is kept beside the records, None where there is none."""
        ...

    async def kept_time(self) -> KeptTime:
        """Return what was kept of the farm's time."""
        ...

    def alive(self, now: datetime) -> str | None:
        """Return None while the writer moves on, else what stands still and since when."""
        ...

    @property
    def written(self) -> WriteFigures:
        """Return what was written since the start, in figures."""
        ...

    async def farm_size(self) -> FarmSize:
        """Count what there is, which takes a tenth of a second for a million that wait."""
        ...

    def only_ends(self) -> str | None:
        """Return why nothing but ends is stored just now, None while all is."""
        ...

    def at_risk(self) -> str | None:
        """Return what of the database's setup may lose what was acknowledged, None if nothing."""
        ...

    async def snapshot(self, *, holding: bool = False) -> Snapshot:
        """Return the unfinished requests and all workers, consistent at one event number.

        With ``holding`` only requests whose job occupies a worker, and no summaries: a follower
        that looks after boards need not read a long queue.
        """
        ...

    async def people(self) -> PeopleSnapshot:
        """Return all accounts, groups and tokens, consistent at one event number."""
        ...

    async def waiting_owners(self) -> tuple[str, ...]:
        """Return the ids of all whose requests wait."""
        ...

    async def waiting_of(self, owner: str) -> tuple[int, ...]:
        """Return the ids of an owner's waiting requests."""
        ...

    async def audit(self, where: AuditFilter) -> tuple[AuditEntry, ...]:
        """Return committed audit entries in their order."""
        ...

    async def events(self, after: int, limit: int) -> tuple[Event, ...]:
        """Return up to ``limit`` journalled events with numbers above ``after``."""
        ...

    async def last_event(self) -> int:
        """Return the number of the newest committed event, 0 when there is none."""
        ...

    async def get_request(self, request_id: int) -> Request | None:
        """Return a committed request with its latest job."""
        ...

    async def removed(self) -> Removed:
        """Return which finished requests were removed by policy."""
        ...

    async def get_worker(self, uuid_or_name: str) -> Worker | None:
        """Return a committed worker by its UUID, in whatever case, else by exact name."""
        ...

    async def get_session_key(self, uuid: str, epoch: int) -> SessionKey | None:
        """Return a committed session key."""
        ...

    async def console_logs(self, request_id: int) -> tuple[ConsoleLog, ...]:
        """Return which logs of consoles there are of a request's jobs, the oldest first."""
        ...

    async def console_chunk(self, log: ConsoleLog, sequence: int) -> str | None:
        """Return the content of one chunk, None where it is not there any more, or not yet."""
        ...

    async def list_requests(
        self, where: RequestFilter, sorter: Sorter, paginator: Paginator
    ) -> Page[Request]:
        """Return one page. Raises SortItemError, RequestNotFoundError for an unknown border."""
        ...

    async def list_workers(
        self, where: WorkerFilter, sorter: Sorter, paginator: Paginator
    ) -> Page[Worker]:
        """Return one page. Raises SortItemError, WorkerNotFoundError for an unknown border."""
        ...
