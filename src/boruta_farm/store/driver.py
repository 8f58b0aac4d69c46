"""What the store asks of a database connection, and how it hears of its failures."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]
"""One row as the driver returns it; its types are those of the statement's columns."""

Value = str | int | bool | None | list[str | int | bool | None]
"""What a statement's parameter may be; lists are handed to PostgreSQL only."""


class DriverError(Exception):
    """Tell that the connection failed; whatever was not committed is gone."""


class ConstraintError(DriverError):
    """Tell that a change breaks a rule of the database, such as a unique index."""


class ConflictError(ConstraintError):
    """Tell that a compare-and-set met another revision than it expected."""


class DiskFullError(DriverError):
    """Tell that the disk is full; the transaction can only be rolled back."""


class DatabaseDriver(Protocol):
    """Run statements on one connection; parameters are marked by question marks."""

    def fetch(self, statement: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run a statement and return all its rows. Raises DriverError and its kinds."""
        ...

    def write(self, statement: str, rows: Sequence[Row]) -> list[Row]:
        """Run a statement over rows, at least one, and return what it returns for all of them.

        It takes them where it says the dialect's ``source``. Raises as ``fetch`` does; some may be
        written then.
        """
        ...

    def post(self, statement: str, parameters: Sequence[Value] = ()) -> None:
        """Run a statement of which nothing is to be returned; it may wait for what comes next.

        ``commit`` has it run at the latest. Raises as ``fetch``.
        """
        ...

    def put(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement over rows, as ``post`` does."""
        ...

    def settle(self) -> None:
        """Have everything run that was posted. Raises as ``fetch``."""
        ...

    def read(self, statement: str, size: int) -> Iterator[list[Row]]:
        """Run a SELECT within a transaction and yield its rows, at most ``size`` at a time.

        Must be read to its end, or the transaction undone. Raises DriverError, also later.
        """
        ...

    def begin(self, *, wait: bool = True) -> None:
        """Begin a transaction that will write: nobody else writes until it ends.

        Raises DriverError: at once, unless it may ``wait``, when somebody else is writing.
        """
        ...

    def begin_reading(self) -> None:
        """Begin a transaction that sees one state of the database throughout."""
        ...

    def commit(self) -> None:
        """Commit durably. After a DriverError the outcome is unknown, but for a DiskFullError."""
        ...

    def rollback(self) -> None:
        """Undo the open transaction, harmless when there is none."""
        ...

    def close(self) -> None:
        """Close the connection, undoing what is open."""
        ...
