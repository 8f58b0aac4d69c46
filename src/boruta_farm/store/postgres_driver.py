"""One connection to PostgreSQL."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from boruta_farm.store.driver import ConstraintError, DiskFullError, DriverError, Row, Value

USUAL = {
    "connect_timeout": "5",
    # Of several hosts the one that takes writes: a standby becomes it when it is promoted.
    "target_session_attrs": "read-write",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""What an address does not say otherwise: a database that went silent is given up within 11 s."""

PIPELINES = psycopg.Pipeline.is_supported()

OPEN_BATCH = "5s"
"""How long a batch may stand still half-way. It keeps all other servers' batches out, so the
database ends one whose server was paused or cut off, long before TCP would."""

WRONG_ENCODING = (
    "this database does not keep texts in UTF-8; make another one for the farm: "
    "createdb -E UTF8 -T template0 -O boruta farm"
)


def connect(url: str, name: str = "boruta") -> "PostgresDriver":
    """Open a connection whose commits are durable, whatever the server's default.

    ``name`` is shown in the database's list of connections. Raises DriverError, also where the
    database does not keep texts in UTF-8: it would not take each, or give them back as bytes.
    """
    try:
        # psycopg's types know of no options that come as a mapping.
        given: dict[str, Any] = {**USUAL, **conninfo_to_dict(url), "application_name": name}
        connection = psycopg.connect(autocommit=True, **given)
    except psycopg.Error as error:
        raise DriverError(str(error)) from error
    driver = PostgresDriver(connection)
    (encoding,) = driver.fetch(
        "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
    )[0]
    if encoding not in ("UTF8", b"UTF8"):
        connection.close()
        raise DriverError(WRONG_ENCODING)
    if driver.fetch("SHOW synchronous_commit")[0][0] == "off":
        driver.fetch("SET synchronous_commit TO on")
    return driver


def hosts(url: str) -> int:
    """Return at how many addresses a database may be."""
    return str(conninfo_to_dict(url).get("host") or "").count(",") + 1


@lru_cache(maxsize=1024)
def _spelled(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()


class PostgresDriver:
    """Run statements and tell failures apart.

    Those of which nothing is to be returned are sent together: all servers wait for whoever writes,
    and each answer that is waited for takes as long as it takes the database to get a processor.
    """

    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection
        self._posted: list[tuple[bytes, Sequence[Value]]] = []

    def fetch(self, statement: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run a statement and return all its rows."""
        self.settle()
        try:
            cursor = self._connection.execute(_spelled(statement), parameters)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise fault(error) from error

    def write(self, statement: str, rows: Sequence[Row]) -> list[Row]:
        """Run a statement once, with an array for each column of the rows."""
        return self.fetch(statement, [list(column) for column in zip(*rows, strict=True)])

    def post(self, statement: str, parameters: Sequence[Value] = ()) -> None:
        """Keep a statement for the next that returns something, or for ``settle``."""
        self._posted.append((_spelled(statement), parameters))

    def put(self, statement: str, rows: Sequence[Row]) -> None:
        """Keep a statement with an array for each column of the rows."""
        self.post(statement, [list(column) for column in zip(*rows, strict=True)])

    def settle(self) -> None:
        """Send everything that was posted, and wait once."""
        posted, self._posted = self._posted, []
        if not posted:
            return
        try:
            with self._connection.pipeline() if PIPELINES else nullcontext():
                for statement, parameters in posted:
                    self._connection.execute(statement, parameters)
        except psycopg.Error as error:
            raise fault(error) from error

    def read(self, statement: str, size: int) -> Iterator[list[Row]]:
        """Run a SELECT by a cursor of the server and yield its rows, at most ``size`` at a time.

        An ordinary one would hold the whole result, twice.
        """
        self.settle()
        try:
            with self._connection.cursor(name="boruta_read") as cursor:
                cursor.execute(_spelled(statement))
                while rows := cursor.fetchmany(size):
                    yield rows
        except psycopg.Error as error:
            raise fault(error) from error

    def tidings(self, seconds: float) -> str | None:
        """Return the next text that was told through the database, None after so many seconds."""
        try:
            for told in self._connection.notifies(timeout=seconds, stop_after=1):
                return told.payload
        except psycopg.Error as error:
            raise fault(error) from error
        return None

    def begin(self, *, wait: bool = True) -> None:
        """Begin a transaction; reading the counters in it keeps other writers out."""
        self.fetch("BEGIN")

    def begin_reading(self) -> None:
        """Begin a transaction that sees the state at its first read."""
        self.fetch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self) -> None:
        """Commit durably, what was posted too."""
        self.settle()
        try:
            status = self._connection.execute("COMMIT").statusmessage
        except psycopg.Error as error:
            raise DriverError(str(error)) from error
        if status != "COMMIT":
            # The server answers a COMMIT of a broken transaction with ROLLBACK, not an error.
            raise DriverError(f"COMMIT was answered with {status}")

    def rollback(self) -> None:
        """Undo, unless no transaction is open."""
        self._posted.clear()
        if self._connection.info.transaction_status is not TransactionStatus.IDLE:
            self.fetch("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def fault(error: psycopg.Error) -> DriverError:
    """Return our kind of an error of PostgreSQL."""
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return ConstraintError(str(error))
    if isinstance(error, psycopg.errors.DiskFull):
        return DiskFullError(str(error))
    return DriverError(str(error))
