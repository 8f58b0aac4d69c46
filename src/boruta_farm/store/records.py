"""Reads of single records and of whole tables on one connection."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from boruta_farm.model.audit import AuditEntry as AuditEntry
from boruta_farm.model.console import ConsoleLog
from boruta_farm.model.events import Event
from boruta_farm.model.listing import Removed
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.summary import Summary
from boruta_farm.model.worker import SessionKey, Worker
from boruta_farm.store.base import CLOCK_MARK, FarmSize, KeptTime, Snapshot
from boruta_farm.store.committed import Committed
from boruta_farm.store.driver import DatabaseDriver, Row, Value
from boruta_farm.store.packing import PACKED, PackedRequests
from boruta_farm.store.rows import ENTRY, EVENT, REQUEST, SESSION_KEY, SUMMARY, WORKER
from boruta_farm.store.statements import Statements
from boruta_farm.store.values import like_member, micros, moment

Found = TypeVar("Found")

LARGEST = 2**63 - 1
"""The largest number a column holds; a larger id is that of no record."""


def storable(text: str) -> bool:
    """Tell whether a text can stand in a column at all; one that cannot names no record."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


class Records:
    """Read records through a driver; what it sees depends on the driver's transaction."""

    def __init__(
        self, driver: DatabaseDriver, statements: Statements, committed: Committed | None = None
    ) -> None:
        self.driver = driver
        self.statements = statements
        self._committed = committed

    def one(self, made: Callable[[Row], Found], statement: str, *values: Value) -> Found | None:
        """Return what is made of the only row of a statement, None where there is none."""
        for row in self.driver.fetch(statement, values):
            return made(row)
        return None

    def _value(self, statement: str, *values: Value) -> Any:
        """Return the only value of the only row of a statement, None where there is none."""
        for (value,) in self.driver.fetch(statement, values):
            return value
        return None

    def request(self, request_id: int) -> Request | None:
        """Return a request with its latest job."""
        if not 0 < request_id <= LARGEST:
            return None
        committed = self._committed
        if committed is None:
            return self._read(request_id)
        known = committed.current(request_id)
        if known is not None:
            return known
        mark = committed.mark()
        # The revision alone is a third of what the whole row costs.
        for number, revision in self.driver.fetch(self.statements.revision, (request_id,)):
            known = committed.get(number, revision) or self._read(request_id)
            if known is not None:
                committed.keep(known, mark)
        return known

    def _read(self, request_id: int) -> Request | None:
        return self.one(REQUEST.record, self.statements.request, request_id)

    def requests(self, ids: Sequence[int]) -> list[Request]:
        """Return requests that exist, in the order of their ids; inside a transaction."""
        if not ids:
            return []
        members, committed = self.statements.dialect.members, self._committed
        found: dict[int, Request] = {}
        if committed is not None:
            for number, revision in self.driver.fetch(
                self.statements.revisions_by_id, (members(ids),)
            ):
                known = committed.get(number, revision)
                if known is not None:
                    found[number] = known
        missing = [number for number in ids if number not in found]
        if missing:
            for row in self.driver.fetch(self.statements.requests_by_id, (members(missing),)):
                request = REQUEST.record(row)
                found[request.id] = request
                if committed is not None:
                    committed.keep(request)
        return [found[number] for number in ids]

    def worker(self, uuid: str) -> Worker | None:
        """Return a worker by UUID."""
        if not storable(uuid):
            return None
        return self.one(WORKER.record, self.statements.worker, uuid)

    def workers_of(self, uuids: Sequence[str]) -> list[Worker]:
        """Return those of these workers that there are."""
        if not uuids:
            return []
        members = self.statements.dialect.members(uuids)
        rows = self.driver.fetch(self.statements.workers_by_uuid, (members,))
        return list(map(WORKER.record, rows))

    def worker_named(self, name: str) -> Worker | None:
        """Return a worker by name."""
        if not storable(name):
            return None
        return self.one(WORKER.record, self.statements.worker_named, name)

    def worker_names(self) -> list[Row]:
        """Return UUID and name of every worker."""
        return self.driver.fetch(self.statements.worker_names)

    def holder(self, uuid: str, above: int) -> int | None:
        """Return the id of the request that holds a worker by a job with an epoch above."""
        found: int | None = self._value(self.statements.holder, uuid, above)
        return found

    def held_by(self, owner: str) -> list[int]:
        """Return the ids of an owner's requests that hold workers."""
        return [number for (number,) in self.driver.fetch(self.statements.held_by, (owner,))]

    def shared_with(self, account_id: str) -> list[int]:
        """Return the ids of requests that are shared with an account and hold workers."""
        among = like_member(account_id)
        return [number for (number,) in self.driver.fetch(self.statements.shared_with, (among,))]

    def backlog(self, owner: str) -> int:
        """Return how much an owner's waiting requests hold together."""
        return int(self._value(self.statements.backlog, owner) or 0)

    def waiting_owners(self) -> tuple[str, ...]:
        """Return whose requests wait."""
        return tuple(owner for (owner,) in self.driver.fetch(self.statements.waiting_owners))

    def waiting_of(self, owner: str) -> tuple[int, ...]:
        """Return the ids of an owner's waiting requests."""
        rows = self.driver.fetch(self.statements.waiting_of, (owner,))
        return tuple(number for (number,) in rows)

    def session_key(self, uuid: str, epoch: int) -> SessionKey | None:
        """Return the key of a preparation."""
        if not (storable(uuid) and 0 <= epoch <= LARGEST):
            return None
        return self.one(SESSION_KEY.record, self.statements.session_key, uuid, epoch)

    def epoch(self, uuid: str) -> int:
        """Return the remembered epoch of a deregistered worker, else 0."""
        return self._value(self.statements.epoch, uuid) or 0

    def creation(self, owner: str, key: str, after: datetime) -> tuple[str, int] | None:
        """Return body hash and request id of a creation remembered later than ``after``."""
        rows = self.driver.fetch(self.statements.creation, (owner, key, micros(after)))
        return next(((body_hash, request_id) for body_hash, request_id in rows), None)

    def job_request(self, uuid: str, epoch: int) -> int | None:
        """Return the request whose job a preparation of a worker became."""
        found: int | None = self._value(self.statements.job_request, uuid, epoch)
        return found

    def console_logs(self, request_id: int) -> tuple[ConsoleLog, ...]:
        """Return which logs of consoles there are of a request's jobs, the oldest first."""
        if not 0 < request_id <= LARGEST:
            return ()
        rows = self.driver.fetch(self.statements.console_logs, (request_id,))
        return tuple(
            ConsoleLog(
                request_id=request_id,
                epoch=epoch,
                console=console,
                count=count,
                dropped=dropped,
                complete=count == present,
            )
            for epoch, console, count, dropped, present in rows
        )

    def console_chunk(self, log: ConsoleLog, sequence: int) -> str | None:
        """Return the content of one chunk, None where it is not there any more, or not yet."""
        found: str | None = self._value(
            self.statements.console_chunk, log.request_id, log.epoch, log.console, sequence
        )
        return found

    def summary(self, subject: str) -> Summary | None:
        """Return what is known of a subject."""
        if not storable(subject):
            return None
        return self.one(SUMMARY.record, self.statements.summary, subject)

    def ports(self) -> dict[str, int]:
        """Return every worker's port."""
        return dict(self.driver.fetch(self.statements.ports))

    def counters(self) -> dict[str, int]:
        """Return all counters, locking them where several writers are possible."""
        return dict(self.driver.fetch(self.statements.counters))

    def counters_read(self) -> dict[str, int]:
        """Return all counters, locking nothing."""
        return dict(self.driver.fetch(self.statements.counters_read))

    def last_event(self) -> int:
        """Return the number of the newest event."""
        return int(self._value(self.statements.last_event))

    def count_waiting(self, owner: str, most: int) -> int:
        """Count an owner's waiting requests, up to ``most``."""
        if not storable(owner):
            return 0
        return int(self._value(self.statements.count_waiting, owner, most))

    def unsealed(self, limit: int) -> tuple[AuditEntry, ...]:
        """Return the oldest audit entries without a seal."""
        rows = self.driver.fetch(self.statements.unsealed, (limit,))
        return tuple(map(ENTRY.record, rows))

    def last_to_cut(self, before: datetime, most: int, limit: int) -> tuple[int, str] | None:
        """Return number and seal up to which the oldest audit entries are to go."""
        values = (limit, micros(before), most)
        for number, seal in self.driver.fetch(self.statements.last_to_cut, values):
            return number, seal
        return None

    def oldest_finished(self, before: datetime, last: datetime, most: int, limit: int) -> list[int]:
        """Return the ids of the oldest finished requests that are to go, in order.

        They have finished earlier than ``before``, or than ``last`` where there are more than
        ``most`` requests. Of each state only the first ``limit`` are looked at.
        """
        states = [state.value for state in RequestState if state.finished]
        values = [value for state in states for value in (state, limit)]
        rows = self.driver.fetch(self.statements.oldest_finished(len(states)), values)
        beyond = self.counters()["requests"] - most
        found: list[int] = []
        for number, finished in rows:
            many = len(found) < beyond and finished < micros(last)
            if len(found) < limit and (many or finished < micros(before)):
                found.append(number)
        return found

    def removed(self) -> Removed:
        """Return which finished requests were removed by policy."""
        found: str | None = self._value(self.statements.removed)
        count, up_to = (found or "0 0").split()
        return Removed(count=int(count), up_to=int(up_to))

    def last_seal(self) -> str | None:
        """Return the newest seal of the audit."""
        found: str | None = self._value(self.statements.last_seal)
        return found

    def events(self, after: int, limit: int) -> tuple[Event, ...]:
        """Return journalled events in order."""
        bounds = (max(-LARGEST, min(after, LARGEST)), min(limit, LARGEST))
        return tuple(map(EVENT.record, self.driver.fetch(self.statements.events, bounds)))

    def kept_time(self) -> KeptTime:
        """Return what was kept of the farm's time."""
        ((newest,),) = self.driver.fetch(self.statements.newest)
        return KeptTime(newest=moment(newest), anchor=self.mark(CLOCK_MARK) or "")

    def mark(self, name: str) -> str | None:
        """Return a text that is kept beside the records, None where there is none."""
        found: str | None = self._value(self.statements.mark, name)
        return found

    def foreign_time(self) -> datetime | None:
        """Return what the clock of the database's machine shows, None where that is this one."""
        ((shown,),) = self.driver.fetch(self.statements.dialect.foreign_time)
        return None if shown is None else moment(shown)

    def farm_size(self) -> FarmSize:
        """Count what there is: what waits from an index, what is over from the tallies."""
        statements = self.statements
        unfinished = self.driver.fetch(statements.count_unfinished)
        finished = self.driver.fetch(statements.count_finished)
        return FarmSize(
            unfinished={(RequestState(state), level): many for state, level, many in unfinished},
            finished={RequestState(state): int(many) for state, many in finished},
            last_event=self.last_event(),
            size=int(self._value(statements.dialect.size)),
        )

    def worker_uuids(self) -> tuple[str, ...]:
        """Return the UUIDs of all committed workers."""
        return tuple(uuid for (uuid,) in self.driver.fetch(self.statements.worker_uuids))

    def orphans(self) -> tuple[int, ...]:
        """Return the ids of the committed waiting requests that are orphaned."""
        return tuple(number for (number,) in self.driver.fetch(self.statements.orphans))

    def snapshot(self, *, holding: bool = False) -> Snapshot:
        """Return what is unfinished (only what holds a worker) and all workers, as of one event."""
        self.driver.begin_reading()
        try:
            number = self.last_event()
            workers = self.driver.fetch(self.statements.workers)
            wanted = self.statements.holding if holding else self.statements.unfinished
            requests = PackedRequests(self.driver.read(wanted, PACKED))
            summaries = [] if holding else self.driver.fetch(self.statements.summaries)
        finally:
            self.driver.rollback()
        return Snapshot(
            number=number,
            requests=requests,
            workers=tuple(map(WORKER.record, workers)),
            summaries=tuple(map(SUMMARY.record, summaries)),
        )
