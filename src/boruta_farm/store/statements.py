"""The texts of all fixed statements, made once per dialect.

Reads of one record, and one statement per table for a whole batch of writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from boruta_farm.store.dialect import Column, Dialect
from boruta_farm.store.rows import REQUEST, WORKER
from boruta_farm.store.schema import (
    ACCOUNTS,
    AUDIT,
    BACKLOGS,
    CONSOLE_CHUNKS,
    COUNTER_NAMES,
    CREATIONS,
    EPOCHS,
    EVENTS,
    GROUPS,
    HOLDING,
    JOBS,
    PRIORITY_TALLIES,
    REQUESTS,
    SESSION_KEYS,
    SHARED,
    SUMMARIES,
    TALLIES,
    TOKENS,
    WAITING,
    WORKERS,
    SchemaTable,
)

BASE = Column("base", "bigint")
"""The revision that a compare-and-set expects."""


def names(of: SchemaTable | Sequence[Column], prefix: str = "") -> str:
    """Return column names for a SELECT or INSERT."""
    columns = of.columns if isinstance(of, SchemaTable) else of
    return ", ".join(prefix + column.name for column in columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleStatements:
    """Hold the texts for one table of people."""

    all: str
    one: str
    save: str
    delete: str


class Statements:
    """Hold the texts of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._reads()
        self._requests()
        self._workers()
        self._others()
        self._people()
        self._audit()

    def _reads(self) -> None:
        self.requests = (
            f"SELECT {names(REQUESTS, 'r.')}, {names(JOBS, 'j.')} FROM requests AS r"
            " LEFT JOIN jobs AS j ON j.worker = r.job_worker AND j.epoch = r.job_epoch"
        )
        self.request = f"{self.requests} WHERE r.id = ?"
        self.requests_by_id = f"{self.requests} WHERE {self.dialect.member('r.id', 'bigint')}"
        revisions = "SELECT r.id, r.revision FROM requests AS r WHERE"
        self.revision = f"{revisions} r.id = ?"
        self.revisions_by_id = f"{revisions} {self.dialect.member('r.id', 'bigint')}"
        self.unfinished = f"{self.requests} WHERE r.state IN ('WAITING', 'IN PROGRESS')"
        self.holding = (
            f"SELECT {names(REQUESTS, 'r.')}, {names(JOBS, 'j.')} FROM jobs AS j"
            " JOIN requests AS r ON r.job_worker = j.worker AND r.job_epoch = j.epoch"
            " AND r.id = j.request_id"
            f" WHERE j.{HOLDING}"
        )
        self.workers = f"SELECT {names(WORKERS)} FROM workers"
        self.worker_uuids = "SELECT uuid FROM workers"
        self.orphans = f"SELECT id FROM requests WHERE {WAITING} AND orphaned_since IS NOT NULL"
        self.worker = f"{self.workers} WHERE uuid = ?"
        self.worker_names = "SELECT uuid, name FROM workers"
        self.worker_named = f"{self.workers} WHERE name = ?"
        self.workers_by_uuid = f"{self.workers} WHERE {self.dialect.member('uuid', 'text')}"
        self.holder = f"SELECT request_id FROM jobs WHERE worker = ? AND epoch > ? AND {HOLDING}"
        self.backlog = "SELECT size FROM backlogs WHERE owner = ?"
        self.held_by = (
            "SELECT r.id FROM jobs AS j JOIN requests AS r ON r.id = j.request_id"
            f" WHERE j.{HOLDING} AND r.owner = ?"
        )
        self.shared_with = (
            "SELECT r.id FROM jobs AS j JOIN requests AS r ON r.id = j.request_id"
            f" WHERE j.{HOLDING} AND r.{SHARED} AND r.shared LIKE ?"
        )
        self.waiting_owners = f"SELECT DISTINCT owner FROM requests WHERE {WAITING}"
        self.waiting_of = f"SELECT id FROM requests WHERE owner = ? AND {WAITING} ORDER BY id"
        self.session_key = (
            f"SELECT {names(SESSION_KEYS)} FROM session_keys WHERE worker = ? AND epoch = ?"
        )
        self.epoch = "SELECT epoch FROM epochs WHERE uuid = ?"
        self.creation = (
            "SELECT body_hash, request_id FROM creations"
            " WHERE owner = ? AND key = ? AND created > ?"
        )
        self.ports = "SELECT uuid, port FROM workers"
        self.summaries = f"SELECT {names(SUMMARIES)} FROM summaries"
        self.summary = f"{self.summaries} WHERE subject = ?"
        self.counters_read = "SELECT name, value FROM counters ORDER BY name"
        self.counters = f"{self.counters_read}{self.dialect.lock}"
        self.last_event = "SELECT value FROM counters WHERE name = 'event'"
        self.count_unfinished = (
            "SELECT state, priority, count(*) FROM requests"
            " WHERE state IN ('WAITING', 'IN PROGRESS') GROUP BY state, priority"
        )
        self.count_finished = (
            "SELECT state, sum(requests) FROM tallies"
            " WHERE state NOT IN ('WAITING', 'IN PROGRESS') GROUP BY state"
        )
        self.events = f"SELECT {names(EVENTS)} FROM events WHERE number > ? ORDER BY number LIMIT ?"

    def _requests(self) -> None:
        self.insert_requests = self._insert(REQUESTS)
        self.update_requests = self._update(REQUESTS, REQUESTS.columns)
        self.move_requests = self._update(REQUESTS, REQUEST.moves)
        self.save_jobs = (
            f"{self._upsert(JOBS)}"
            " WHERE jobs.request_id = excluded.request_id RETURNING worker, epoch"
        )

    def _workers(self) -> None:
        self.insert_workers = self._insert(WORKERS)
        self.update_workers = self._update(WORKERS, WORKERS.columns)
        self.move_workers = self._update(WORKERS, WORKER.moves)
        gone = (*WORKERS.key, BASE)
        self.delete_workers = (
            "DELETE FROM workers WHERE (uuid, revision) IN"
            f" (SELECT n.uuid, n.base FROM {self.dialect.source(gone)}) RETURNING uuid"
        )
        self.save_epochs = (
            f"{self._insert(EPOCHS)} WHERE true"
            " ON CONFLICT (uuid) DO UPDATE SET epoch = excluded.epoch"
            " WHERE excluded.epoch > epochs.epoch"
        )

    def _others(self) -> None:
        self.save_keys = self._upsert(SESSION_KEYS)
        self.erase_keys = (
            "DELETE FROM session_keys WHERE (worker, epoch) IN"
            f" (SELECT n.worker, n.epoch FROM {self.dialect.source(SESSION_KEYS.key)})"
        )
        self.save_creations = self._upsert(CREATIONS)
        self.prune_creations = (
            "DELETE FROM creations WHERE (owner, key) IN"
            " (SELECT owner, key FROM creations WHERE created <= ? LIMIT ?) RETURNING owner"
        )
        self.shift_creations = "UPDATE creations SET created = created + ?"
        self.newest = "SELECT value FROM counters WHERE name = 'time'"
        self.mark = "SELECT value FROM meta WHERE name = ?"
        self.keep_mark = (
            "INSERT INTO meta (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        self.removed = "SELECT value FROM meta WHERE name = 'removed'"
        self.keep_removed = (
            "INSERT INTO meta (name, value) VALUES ('removed', ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        gone = self.dialect.member("id", "bigint")
        self.remove_requests = (
            f"DELETE FROM requests WHERE {gone} AND state NOT IN ('WAITING', 'IN PROGRESS')"
            " AND NOT EXISTS (SELECT 1 FROM jobs AS j"
            f" WHERE j.request_id = requests.id AND j.{HOLDING})"
            " RETURNING id, state, priority, job_worker, job_epoch"
        )
        # Also those of earlier tries, which no request names: by the worker's order of epochs.
        self.remove_jobs = (
            "DELETE FROM jobs WHERE (worker, epoch) IN (SELECT j.worker, j.epoch FROM jobs AS j"
            f" JOIN {self.dialect.source(JOBS.key)} ON j.worker = n.worker AND j.epoch <= n.epoch"
            f" WHERE NOT (j.{HOLDING})"
            " AND NOT EXISTS (SELECT 1 FROM requests AS r WHERE r.id = j.request_id))"
        )
        self.remove_consoles = (
            f"DELETE FROM console_chunks WHERE {self.dialect.member('request_id', 'bigint')}"
        )
        self.job_request = "SELECT request_id FROM jobs WHERE worker = ? AND epoch = ?"
        self.save_console = f"{self._insert(CONSOLE_CHUNKS)} WHERE true ON CONFLICT DO NOTHING"
        self.console_logs = (
            "SELECT epoch, console, max(count), max(dropped), count(*) FROM console_chunks"
            " WHERE request_id = ? GROUP BY epoch, console ORDER BY epoch, console"
        )
        self.console_chunk = (
            "SELECT content FROM console_chunks"
            " WHERE request_id = ? AND epoch = ? AND console = ? AND sequence = ?"
        )
        # Whole logs go, the oldest first, a few at a time.
        gone = (
            "DELETE FROM console_chunks WHERE (request_id, epoch) IN"
            " (SELECT request_id, epoch FROM console_chunks WHERE {} GROUP BY request_id, epoch"
            " ORDER BY min(received) LIMIT 16)"
        )
        self.prune_old_consoles = gone.format("received <= ?")
        self.prune_many_consoles = gone.format(
            "received <= (SELECT max(received) FROM (SELECT received,"
            " sum(size) OVER (ORDER BY received DESC) AS kept FROM console_chunks) AS c"
            " WHERE kept > ?)"
        )
        self.save_summaries = self._upsert(SUMMARIES)
        self.prune_summaries = (
            "DELETE FROM summaries WHERE subject IN"
            " (SELECT subject FROM summaries ORDER BY updated DESC LIMIT ? OFFSET ?)"
        )
        self.insert_events = self._insert(EVENTS)
        self.prune_events = (
            "DELETE FROM events WHERE number IN"
            " (SELECT number FROM events WHERE number <= ? ORDER BY number LIMIT ?)"
        )
        self.add_tallies = (
            f"{self._insert(TALLIES)} WHERE true ON CONFLICT (state, bucket)"
            " DO UPDATE SET requests = tallies.requests + excluded.requests"
        )
        self.add_priority_tallies = (
            f"{self._insert(PRIORITY_TALLIES)} WHERE true ON CONFLICT (priority, bucket)"
            " DO UPDATE SET requests = priority_tallies.requests + excluded.requests"
        )
        self.add_backlogs = (
            f"{self._insert(BACKLOGS)} WHERE true ON CONFLICT (owner)"
            " DO UPDATE SET size = backlogs.size + excluded.size"
        )
        # All of them, and with every commit: by packed rows it would take five times as long.
        cases = " ".join(f"WHEN '{name}' THEN {self.dialect.number}" for name in COUNTER_NAMES)
        self.set_counters = f"UPDATE counters SET value = CASE name {cases} ELSE value END"

    def _people(self) -> None:
        self.people = {
            table.name: PeopleStatements(
                all=f"SELECT {names(table)} FROM {table.name} ORDER BY {names(table.key)}",
                one=f"SELECT {names(table)} FROM {table.name} WHERE {names(table.key)} = ?",
                save=self._upsert(table),
                delete=(
                    f"DELETE FROM {table.name} WHERE {names(table.key)} IN"
                    f" (SELECT {names(table.key, 'n.')} FROM {self.dialect.source(table.key)})"
                ),
            )
            for table in (ACCOUNTS, GROUPS, TOKENS)
        }
        self.account_named = f"SELECT {names(ACCOUNTS)} FROM accounts WHERE name = ?"
        self.count_waiting = (
            "SELECT count(*) FROM (SELECT 1 FROM requests"
            f" WHERE owner = ? AND {WAITING} LIMIT ?) AS w"
        )

    def _audit(self) -> None:
        self.insert_audit = self._insert(AUDIT)
        self.audit = f"SELECT {names(AUDIT)} FROM audit"
        self.unsealed = f"{self.audit} WHERE seal IS NULL ORDER BY number LIMIT ?"
        # The newest seal stays: what comes next is chained to it.
        self.last_to_cut = (
            "SELECT number, seal FROM audit WHERE number = (SELECT MAX(number) FROM"
            " (SELECT number, at FROM audit WHERE seal IS NOT NULL ORDER BY number LIMIT ?) AS o"
            " WHERE (at < ? OR number <= (SELECT value FROM counters WHERE name = 'audit') - ?)"
            " AND number < (SELECT number FROM audit WHERE seal IS NOT NULL"
            " ORDER BY number DESC LIMIT 1))"
        )
        self.cut_audit = "DELETE FROM audit WHERE number <= ?"
        self.last_seal = (
            "SELECT seal FROM audit WHERE seal IS NOT NULL ORDER BY number DESC LIMIT 1"
        )
        sealed = AUDIT.some("number", "seal")
        self.save_seals = (
            f"UPDATE audit SET seal = n.seal FROM {self.dialect.source(sealed)}"
            " WHERE audit.number = n.number AND audit.seal IS NULL"
        )

    def oldest_finished(self, states: int) -> str:
        """Return what reads id and end of the first requests in each of so many states."""
        one = "SELECT id, finished FROM requests WHERE state = ? ORDER BY id LIMIT ?"
        parts = " UNION ALL ".join(
            f"SELECT id, finished FROM ({one}) AS part_{place}" for place in range(states)
        )
        return f"{parts} ORDER BY id"

    def _insert(self, table: SchemaTable) -> str:
        columns = table.columns
        return (
            f"INSERT INTO {table.name} ({names(columns)}) SELECT {names(columns, 'n.')}"
            f" FROM {self.dialect.source(columns)}"
        )

    def _upsert(self, table: SchemaTable) -> str:
        changes = ", ".join(
            f"{column.name} = excluded.{column.name}" for column in table.columns if not column.key
        )
        return (
            f"{self._insert(table)} WHERE true"
            f" ON CONFLICT ({names(table.key)}) DO UPDATE SET {changes}"
        )

    def _update(self, table: SchemaTable, columns: Sequence[Column]) -> str:
        """Return a compare-and-set of a table's rows by their key of one column."""
        (key,) = table.key
        changes = ", ".join(
            f"{column.name} = n.{column.name}" for column in columns if not column.key
        )
        return (
            f"UPDATE {table.name} SET {changes} FROM {self.dialect.source((*columns, BASE))}"
            f" WHERE {table.name}.{key.name} = n.{key.name} AND {table.name}.revision = n.base"
            f" RETURNING {table.name}.{key.name}"
        )
