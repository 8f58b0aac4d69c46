"""The farm's database on a disk that fills, fails, and dies with its machine at any statement."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from boruta_farm.store.driver import Value
from boruta_farm.store.sqlite_driver import SqliteConnection, SqliteCursor, connect
from tests.sim.processes import KilledError, Process
from tests.sim.trace import Trace

WRITES = ("INSERT", "UPDATE", "DELETE", "COMMIT", "REPLACE", "WITH")


class Moment(StrEnum):
    """Where at a COMMIT something happens."""

    BEFORE = "before it is done"
    AFTER = "after it is done, before anybody hears of it"
    WITHIN = "at a statement of the transaction"


@dataclass(slots=True)
class Plan:
    """Say what happens ``after`` so many COMMITs (or statements): a kill, or a failure."""

    moment: Moment
    after: int
    kill: bool


class Disk:
    """Hold the faults of one machine's disk; ``full`` until somebody makes room."""

    def __init__(self, trace: Trace) -> None:
        self.full = False
        self.broken = False
        self.plan: Plan | None = None
        self.commits = 0
        self.faults = 0
        self.struck: Callable[[], None] = lambda: None
        self._trace = trace

    def connector(self, process: Process, die: Callable[[], None]) -> Callable[[str], Any]:
        """Return what opens connections for a server, which ``die`` kills."""
        return lambda path: Connection(connect(path), self, process, die)

    def strike(self, process: Process, die: Callable[[], None], moment: Moment) -> None:
        """Fail or kill here, if that is planned. Raises KilledError, sqlite3.OperationalError."""
        plan = self.plan
        if plan is None or plan.moment is not moment:
            return
        plan.after -= 1
        if plan.after >= 0:
            return
        self.plan = None
        self.faults += 1
        self.struck()
        self._trace.note("disk", process.name, moment.name, "kill" if plan.kill else "failure")
        if plan.kill:
            die()
            raise KilledError
        raise _error("disk I/O error", sqlite3.SQLITE_IOERR)


class Connection:
    """Be a connection to SQLite whose disk fails as planned, and whose process may be dead."""

    def __init__(
        self,
        connection: SqliteConnection,
        disk: Disk,
        process: Process,
        die: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._disk, self._process, self._die = disk, process, die

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: Sequence[Value] = (), /) -> SqliteCursor:
        """Run one statement, unless the disk is against it."""
        disk = self._disk
        if self._process.dead:
            if sql == "ROLLBACK":
                return self._connection.execute(sql, parameters)
            raise _error("the process is dead", sqlite3.SQLITE_INTERRUPT)
        if sql == "PRAGMA synchronous=FULL":
            # Power is never lost here: whatever is written is there after a kill.
            sql = "PRAGMA synchronous=OFF"
        if disk.broken:
            raise _error("disk I/O error", sqlite3.SQLITE_IOERR)
        if sql.startswith(WRITES):
            if disk.full:
                disk.faults += 1
                raise _error("database or disk is full", sqlite3.SQLITE_FULL)
            disk.strike(self._process, self._die, Moment.WITHIN)
        if sql != "COMMIT":
            return self._connection.execute(sql, parameters)
        disk.strike(self._process, self._die, Moment.BEFORE)
        cursor = self._connection.execute(sql, parameters)
        disk.commits += 1
        disk.strike(self._process, self._die, Moment.AFTER)
        return cursor

    def executemany(self, sql: str, rows: Sequence[Sequence[Value]], /) -> None:
        """Run one statement for each row, as ``execute`` does."""
        for row in rows:
            self.execute(sql, row)

    def close(self) -> None:
        """Close the connection; what is not committed is undone."""
        self._connection.close()


def _error(words: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error
