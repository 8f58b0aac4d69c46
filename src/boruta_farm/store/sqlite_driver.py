"""One connection to an SQLite file."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from boruta_farm.store.driver import ConstraintError, DiskFullError, DriverError, Row, Value


class SqliteCursor(Protocol):
    """What a statement returns."""

    def fetchall(self) -> list[Any]:
        """Return all rows, which also ends the statement."""
        ...

    def fetchmany(self, size: int, /) -> list[Any]:
        """Return up to so many of the rows left, none at the end."""
        ...


class SqliteConnection(Protocol):
    """What the driver needs of a connection: the standard library's, or one made to fail."""

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        ...

    def execute(self, sql: str, parameters: Sequence[Value] = ..., /) -> SqliteCursor:
        """Run one statement; errors are those of the sqlite3 module."""
        ...

    def executemany(self, sql: str, rows: Sequence[Sequence[Value]], /) -> object:
        """Run one statement, which returns nothing, for each row; errors are the same."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


Connect = Callable[[str], SqliteConnection]

SHARED_MEMORY_FULL = sqlite3.SQLITE_IOERR_SHMSIZE
"""The index of the log cannot grow: the disk is full."""

PATIENCE = 5_000
"""Milliseconds that a transaction waits for another writer to end."""

IMPATIENT = "PRAGMA busy_timeout=0"
"""Said to a connection whose statements run on the event loop, which nothing may hold up."""


def connect(path: str) -> SqliteConnection:
    """Open a file with the standard library, without its implicit transactions."""
    return sqlite3.connect(
        path,
        timeout=PATIENCE / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )


class SqliteDriver:
    """Run statements and tell failures apart."""

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection

    def fetch(self, statement: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run a statement and return all its rows."""
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise fault(error) from error

    def write(self, statement: str, rows: Sequence[Row]) -> list[Row]:
        """Run a statement for each row and return all that it returned."""
        execute = self._connection.execute
        found: list[Row] = []
        try:
            for row in rows:
                found += execute(statement, row).fetchall()
        except sqlite3.Error as error:
            raise fault(error) from error
        return found

    def post(self, statement: str, parameters: Sequence[Value] = ()) -> None:
        """Run a statement."""
        self.fetch(statement, parameters)

    def put(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row: half the cost of one that returns something."""
        try:
            if len(rows) == 1:
                self._connection.execute(statement, rows[0])
            else:
                self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise fault(error) from error

    def settle(self) -> None:
        """Have nothing to do: no statement waits."""

    def read(self, statement: str, size: int) -> Iterator[list[Row]]:
        """Run a SELECT and yield its rows, at most ``size`` at a time."""
        try:
            cursor = self._connection.execute(statement)
            while rows := cursor.fetchmany(size):
                yield rows
            # The page cache is full of what was read once; nobody else is served by that.
            self._connection.execute("PRAGMA shrink_memory")
        except sqlite3.Error as error:
            raise fault(error) from error

    def begin(self, *, wait: bool = True) -> None:
        """Begin a transaction that excludes other writers."""
        if not wait:
            self.fetch("BEGIN IMMEDIATE")
            return
        self.fetch(f"PRAGMA busy_timeout={PATIENCE}")
        try:
            self.fetch("BEGIN IMMEDIATE")
        finally:
            self.fetch(IMPATIENT)

    def begin_reading(self) -> None:
        """Begin a transaction that sees the state at its first read."""
        self.fetch("BEGIN")

    def commit(self) -> None:
        """Commit durably."""
        self.fetch("COMMIT")

    def rollback(self) -> None:
        """Undo, unless SQLite has done so by itself."""
        if self._connection.in_transaction:
            self.fetch("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise fault(error) from error


def fault(error: sqlite3.Error) -> Exception:
    """Return our kind of an SQLite error; a misuse of the API stays what it is."""
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintError(str(error))
    if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return error
    if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, SHARED_MEMORY_FULL):
        return DiskFullError(str(error))
    return DriverError(str(error))
