"""What the stores have in common: commands through the writer, reads past it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from boruta_farm.model.audit import AuditEntry, AuditFilter
from boruta_farm.model.console import ConsoleLog
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.events import Event
from boruta_farm.model.listing import (
    Page,
    Paginator,
    Removed,
    RequestFilter,
    Sorter,
    WorkerFilter,
)
from boruta_farm.model.request import Request
from boruta_farm.model.spelling import normal
from boruta_farm.model.worker import SessionKey, Worker
from boruta_farm.store import people
from boruta_farm.store.audit import list_audit
from boruta_farm.store.base import (
    Decide,
    FarmSize,
    KeptTime,
    Listener,
    PeopleSnapshot,
    Snapshot,
    WriteFigures,
)
from boruta_farm.store.batch import Batcher
from boruta_farm.store.committed import Committed
from boruta_farm.store.listing import list_requests, list_workers, quick
from boruta_farm.store.records import Records
from boruta_farm.store.reserve import Level
from boruta_farm.store.writer import Followers, Writer

Answer = TypeVar("Answer")


class DatabaseStore:
    """Keep the farm's records in a database; the kinds say how it is opened and read."""

    def __init__(self, committed: Committed) -> None:
        self._followers = Followers()
        self._batcher: Batcher
        self._writer: Writer
        self._farm_id: str | None = None
        self._committed = committed
        self.written = WriteFigures()

    async def start(self) -> None:
        """Open, back up and migrate, start the writer."""
        raise NotImplementedError

    async def close(self) -> None:
        """Write what was accepted, then close."""
        raise NotImplementedError

    async def _near(self, read: Callable[[Records], Answer]) -> Answer:
        """Read one record in the quickest way."""
        raise NotImplementedError

    async def _far(self, read: Callable[[Records], Answer]) -> Answer:
        """Read many records without holding up the loop."""
        raise NotImplementedError

    @property
    def farm_id(self) -> str:
        """Return the farm's id, made once with the database."""
        if self._farm_id is None:
            raise UnavailableError("the store has not been started")
        return self._farm_id

    async def execute(self, decide: Decide[Answer], *, patient: bool = False) -> Answer:
        """Run a command in the writer and return its answer after COMMIT."""
        return await self._writer.execute(decide, patient=patient)

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every committed batch from now on."""
        self._followers.listeners.append(listener)

    def forget(self, listener: Listener) -> None:
        """Stop calling ``listener``."""
        if listener in self._followers.listeners:
            self._followers.listeners.remove(listener)

    def on_doubt(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` when a COMMIT's outcome is unknown."""
        self._followers.hooks.append(hook)

    def on_step(self, hook: Callable[[timedelta], None]) -> None:
        """Call ``hook`` when a committed command has set the farm's time."""
        self._followers.step_hooks.append(hook)

    @property
    def leading(self) -> bool:
        """Tell whether this server leads: a single one always does."""
        return True

    @property
    def servers(self) -> int:
        """Return 1: a data folder has one server."""
        return 1

    def on_lead(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` when ``leading`` has changed."""
        self._followers.lead_hooks.append(hook)

    def on_people_elsewhere(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` when another server has changed people."""
        self._followers.people_hooks.append(hook)

    def on_heard(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` when another server may have written what is no event."""
        self._followers.heard_hooks.append(hook)

    async def mark(self, name: str) -> str | None:
        """Return a text that is kept beside the records."""
        return await self._near(lambda records: records.mark(name))

    async def kept_time(self) -> KeptTime:
        """Return what was kept of the farm's time."""
        return await self._near(Records.kept_time)

    async def foreign_time(self) -> datetime | None:
        """Return what the clock of the database's machine shows, None where that is this one."""
        return await self._near(Records.foreign_time)

    def alive(self, now: datetime) -> str | None:
        """Return None while the writer moves on, else what stands still and since when."""
        batcher = self._batcher
        return self._writer.alive(now) or batcher.guard.trouble() or batcher.room.trouble()

    def only_ends(self) -> str | None:
        """Return why nothing but ends is stored just now, as far as is known; None while all is."""
        trouble = self._batcher.guard.known()
        if trouble is None and self._batcher.room.level() is Level.SPENT:
            return self._batcher.room.trouble()
        return trouble

    def at_risk(self) -> str | None:
        """Return None: what is committed lasts."""
        return None

    async def farm_size(self) -> FarmSize:
        """Count what there is."""
        return await self._far(Records.farm_size)

    async def snapshot(self, *, holding: bool = False) -> Snapshot:
        """Return the unfinished requests and all workers, consistent at one event number."""
        return await self._far(lambda records: records.snapshot(holding=holding))

    async def people(self) -> PeopleSnapshot:
        """Return all accounts, groups and tokens, consistent at one event number."""
        return await self._far(people.snapshot)

    async def waiting_owners(self) -> tuple[str, ...]:
        """Return the ids of all whose requests wait."""
        return await self._far(Records.waiting_owners)

    async def waiting_of(self, owner: str) -> tuple[int, ...]:
        """Return the ids of an owner's waiting requests."""
        return await self._far(lambda records: records.waiting_of(owner))

    async def audit(self, where: AuditFilter) -> tuple[AuditEntry, ...]:
        """Return committed audit entries in their order."""
        return await self._far(lambda records: list_audit(records, where))

    async def events(self, after: int, limit: int) -> tuple[Event, ...]:
        """Return up to ``limit`` journalled events with numbers above ``after``."""
        return await self._far(lambda records: records.events(after, limit))

    async def last_event(self) -> int:
        """Return the number of the newest committed event, 0 when there is none."""
        return await self._near(Records.last_event)

    async def get_request(self, request_id: int) -> Request | None:
        """Return a committed request with its latest job."""
        return await self._near(lambda records: records.request(request_id))

    async def removed(self) -> Removed:
        """Return which finished requests were removed by policy."""
        return await self._near(Records.removed)

    async def get_worker(self, uuid_or_name: str) -> Worker | None:
        """Return a committed worker by exact UUID, else by exact name."""
        return await self._near(
            lambda records: (
                records.worker(uuid_or_name)
                or records.worker(normal(uuid_or_name))
                or records.worker_named(normal(uuid_or_name))
            )
        )

    async def get_session_key(self, uuid: str, epoch: int) -> SessionKey | None:
        """Return a committed session key."""
        return await self._near(lambda records: records.session_key(uuid, epoch))

    async def console_logs(self, request_id: int) -> tuple[ConsoleLog, ...]:
        """Return which logs of consoles there are of a request's jobs."""
        return await self._far(lambda records: records.console_logs(request_id))

    async def console_chunk(self, log: ConsoleLog, sequence: int) -> str | None:
        """Return the content of one chunk."""
        return await self._far(lambda records: records.console_chunk(log, sequence))

    async def list_requests(
        self, where: RequestFilter, sorter: Sorter, paginator: Paginator
    ) -> Page[Request]:
        """Return one page of requests."""
        # To hand a short page from thread to thread costs more than to read it.
        read = self._near if quick(where, sorter, paginator) else self._far
        return await read(lambda records: list_requests(records, where, sorter, paginator))

    async def list_workers(
        self, where: WorkerFilter, sorter: Sorter, paginator: Paginator
    ) -> Page[Worker]:
        """Return one page of workers."""
        return await self._far(lambda records: list_workers(records, where, sorter, paginator))
