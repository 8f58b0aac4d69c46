"""How the two databases differ: in handing over many rows at once, and in locks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from boruta_farm.store.driver import Value

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Column:
    """Tell a column: its kind is bigint, text or boolean.

    ``needed`` means that it is never NULL. ``default`` is for servers that do not know it yet.
    """

    name: str
    kind: str
    needed: bool = True
    key: bool = False
    default: str | int | bool | None = None


class Dialect(Protocol):
    """Spell what SQLite and PostgreSQL spell differently."""

    name: str
    types: Mapping[str, str]
    """What columns' kinds are called where tables are made."""
    bare: str
    """Ends a CREATE TABLE whose rows need no number besides their key."""
    lock: str
    """Appended to a SELECT whose rows stay locked until the transaction ends."""
    hold: str
    """Keeps other servers from changing the schema until ``release``."""
    release: str
    """Undoes ``hold``."""
    seize: str
    """Keeps batches, and new connections of servers, waiting until the transaction ends."""
    servers: str
    """Returns what other servers call themselves that use the database now."""
    tables: str
    """Returns the names of all tables."""
    number: str
    """A parameter that is a whole number, where nothing else tells its type."""
    random: str
    """20 random hexadecimal digits, others for each row."""
    foreign_time: str
    """Returns the microseconds since 1970 that another machine's clock shows, else NULL."""
    size: str
    """Returns the database's size in bytes."""

    def source(self, columns: Sequence[Column]) -> str:
        """Return a FROM item named ``n`` that yields the rows given to the driver's ``write``."""
        ...

    def member(self, expression: str, kind: str) -> str:
        """Return a condition that holds while ``expression`` is in a list of values."""
        ...

    def members(self, values: Iterable[str | int]) -> Value:
        """Return the parameter for ``member``."""
        ...

    def contains(self, expression: str) -> str:
        """Return a condition that holds while a text contains the parameter."""
        ...


class SqliteDialect:
    """Hand rows over one by one, and lists as one JSON text."""

    name = "sqlite"
    # Only INTEGER makes a primary key SQLite's own row number.
    types: Mapping[str, str] = {"bigint": "INTEGER", "text": "TEXT", "boolean": "BOOLEAN"}
    bare = " WITHOUT ROWID"
    lock = ""
    hold = "SELECT 1"
    release = "SELECT 1"
    seize = "SELECT 1"
    servers = "SELECT NULL WHERE FALSE"
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    number = "?"
    random = "lower(hex(randomblob(10)))"
    foreign_time = "SELECT NULL"
    size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"

    def source(self, columns: Sequence[Column]) -> str:
        """Return a SELECT of one row's values: a statement is run for each.

        To take many out of one JSON text cost five times as much.
        """
        items = ", ".join(f"? AS {column.name}" for column in columns)
        return f"(SELECT {items}) AS n"

    def member(self, expression: str, kind: str) -> str:
        """Return an IN over json_each."""
        return f"{expression} IN (SELECT value FROM json_each(?))"

    def members(self, values: Iterable[str | int]) -> Value:
        """Return the values as one JSON array."""
        return _encode(list(values)).decode()

    def contains(self, expression: str) -> str:
        """Return an instr."""
        return f"instr({expression}, ?) > 0"


class PostgresDialect:
    """Hand rows over as one array per column."""

    name = "postgresql"
    # Text sorts by its characters on every machine.
    types: Mapping[str, str] = {
        "bigint": "BIGINT",
        "text": 'TEXT COLLATE "C"',
        "boolean": "BOOLEAN",
    }
    bare = ""
    lock = " FOR UPDATE"
    hold = "SELECT pg_advisory_lock(7175)"
    release = "SELECT pg_advisory_unlock(7175)"
    seize = "LOCK TABLE counters IN ACCESS EXCLUSIVE MODE"
    servers = (
        "SELECT DISTINCT application_name FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name ~ '^boruta [^ ]+ [0-9]+$' ORDER BY application_name"
    )
    tables = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
    number = "?::bigint"
    random = "right(replace(gen_random_uuid()::text, '-', ''), 20)"
    # Over a unix socket there are no addresses, over loopback they are the same.
    foreign_time = (
        "SELECT CASE WHEN inet_server_addr() IS DISTINCT FROM inet_client_addr()"
        " THEN (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint END"
    )
    size = "SELECT pg_database_size(current_database())"

    def source(self, columns: Sequence[Column]) -> str:
        """Return an unnest of typed arrays."""
        arrays = ", ".join(f"?::{column.kind}[]" for column in columns)
        names = ", ".join(column.name for column in columns)
        return f"unnest({arrays}) AS n({names})"

    def member(self, expression: str, kind: str) -> str:
        """Return an = ANY."""
        return f"{expression} = ANY(?::{kind}[])"

    def members(self, values: Iterable[str | int]) -> Value:
        """Return the values as a list."""
        return list(values)

    def contains(self, expression: str) -> str:
        """Return a position."""
        return f"position(? IN {expression}) > 0"
