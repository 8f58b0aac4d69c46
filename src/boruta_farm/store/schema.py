"""The database's tables, keys and indexes: the one place that tells them.

What a table holds is its record's declaration; only tables without a record name columns here. A
change of either needs a step in ``migrations``, which tells how one is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from boruta_farm.store import rows
from boruta_farm.store.dialect import Column, Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class TableIndex:
    """Tell an index of some columns, over the rows for which ``where`` holds."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str | None = None


@dataclass(frozen=True, slots=True)
class SchemaTable:
    """Tell a table; ``bare`` ones need no row numbers, since they are read by their key alone."""

    name: str
    columns: tuple[Column, ...]
    indexes: tuple[TableIndex, ...] = ()
    bare: bool = True

    @property
    def key(self) -> tuple[Column, ...]:
        """Return the columns of its primary key."""
        return tuple(column for column in self.columns if column.key)

    def some(self, *names: str) -> tuple[Column, ...]:
        """Return columns by their names."""
        known = {column.name: column for column in self.columns}
        return tuple(known[name] for name in names)


def _number(name: str, *, key: bool = False) -> Column:
    return Column(name, "bigint", key=key)


def _text(name: str, *, key: bool = False) -> Column:
    return Column(name, "text", key=key)


WAITING = "state = 'WAITING'"
SHARED = "shared <> '[]'"
HOLDING = "phase IN ('READYING', 'OPENING', 'LIVE')"

REQUESTS = SchemaTable(
    "requests",
    rows.REQUEST.columns,
    (
        # It holds all that lists filter and sort by, so that they never touch the wide rows.
        TableIndex(
            name="requests_listed",
            columns=("state", "id", "priority", "deadline", "valid_after", "finished"),
        ),
        TableIndex(name="requests_waiting", columns=("owner",), where=WAITING),
        TableIndex(name="requests_shared", columns=("id",), where=SHARED),
        TableIndex(name="requests_by_priority", columns=("priority", "id")),
        TableIndex(name="requests_finished", columns=("finished",)),
    ),
    bare=False,
)
JOBS = SchemaTable(
    "jobs",
    rows.JOB.columns,
    (
        TableIndex(name="jobs_one_per_worker", columns=("worker",), unique=True, where=HOLDING),
        TableIndex(
            name="jobs_one_per_request", columns=("request_id",), unique=True, where=HOLDING
        ),
    ),
)
WORKERS = SchemaTable(
    "workers",
    rows.WORKER.columns,
    (
        TableIndex(name="workers_name", columns=("name",), unique=True),
        TableIndex(name="workers_port", columns=("port",), unique=True),
    ),
    bare=False,
)
SESSION_KEYS = SchemaTable("session_keys", rows.SESSION_KEY.columns)
EVENTS = SchemaTable("events", rows.EVENT.columns, bare=False)
SUMMARIES = SchemaTable(
    "summaries",
    rows.SUMMARY.columns,
    (TableIndex(name="summaries_updated", columns=("updated",)),),
)
AUDIT = SchemaTable(
    "audit",
    rows.ENTRY.columns,
    (TableIndex(name="audit_unsealed", columns=("number",), where="seal IS NULL"),),
    bare=False,
)
ACCOUNTS = SchemaTable(
    "accounts",
    rows.ACCOUNT.columns,
    (TableIndex(name="accounts_name", columns=("name",), unique=True),),
)
GROUPS = SchemaTable("farm_groups", rows.GROUP.columns)
TOKENS = SchemaTable("tokens", rows.TOKEN.columns)
CREATIONS = SchemaTable(
    "creations",
    (
        _text("owner", key=True),
        _text("key", key=True),
        _text("body_hash"),
        _number("request_id"),
        _number("created"),
    ),
    (TableIndex(name="creations_created", columns=("created",)),),
)
BACKLOGS = SchemaTable("backlogs", (_text("owner", key=True), _number("size")))
"""How much the waiting requests of an owner hold together."""
CONSOLE_CHUNKS = SchemaTable(
    "console_chunks",
    (
        _number("request_id", key=True),
        _number("epoch", key=True),
        _text("console", key=True),
        _number("sequence", key=True),
        _number("count"),
        _number("dropped"),
        _number("received"),
        _number("size"),
        _text("content"),
    ),
    (TableIndex(name="console_chunks_received", columns=("received", "size")),),
    bare=False,
)
"""What consoles said in ended jobs: compressed, in base64."""
EPOCHS = SchemaTable("epochs", (_text("uuid", key=True), _number("epoch")))
TALLIES = SchemaTable(
    "tallies", (_text("state", key=True), _number("bucket", key=True), _number("requests"))
)
BUCKET_BITS = 10
"""Requests are tallied per state and per 1,024 ids, so that a page's place needs no counting."""
PRIORITY_TALLIES = SchemaTable(
    "priority_tallies",
    (_number("priority", key=True), _number("bucket", key=True), _number("requests")),
)
PRIORITY_BITS = 11
"""Per priority they are tallied in larger buckets, since there are more priorities than states."""
COUNTERS = SchemaTable("counters", (_text("name", key=True), _number("value")))
COUNTER_NAMES = ("audit", "event", "request", "requests", "time")
"""The rows of the counters' table."""
META = SchemaTable("meta", (_text("name", key=True), _text("value")))
SCHEMA_VERSION = SchemaTable("schema_version", (_number("version", key=True), _number("oldest")))
"""Has one row: the schema's number, and the oldest server's that can work with it."""

TABLES = (
    REQUESTS,
    JOBS,
    WORKERS,
    SESSION_KEYS,
    EVENTS,
    SUMMARIES,
    AUDIT,
    ACCOUNTS,
    GROUPS,
    TOKENS,
    CREATIONS,
    CONSOLE_CHUNKS,
    EPOCHS,
    TALLIES,
    PRIORITY_TALLIES,
    BACKLOGS,
    COUNTERS,
    META,
    SCHEMA_VERSION,
)


def ddl(dialect: Dialect) -> Iterator[str]:
    """Yield the statements that make all tables and indexes."""
    for table in TABLES:
        yield from created(table, dialect)


def created(table: SchemaTable, dialect: Dialect) -> Iterator[str]:
    """Yield the statements that make a table with its indexes."""
    parts = [defined(column, dialect) for column in table.columns]
    parts.append(f"PRIMARY KEY ({', '.join(column.name for column in table.key)})")
    yield f"CREATE TABLE {table.name} ({', '.join(parts)}){dialect.bare if table.bare else ''}"
    for index in table.indexes:
        unique = "UNIQUE " if index.unique else ""
        where = "" if index.where is None else f" WHERE {index.where}"
        yield (
            f"CREATE {unique}INDEX {index.name} ON {table.name} ({', '.join(index.columns)}){where}"
        )


def defined(column: Column, dialect: Dialect) -> str:
    """Return a column as it stands in CREATE TABLE and in ADD COLUMN."""
    words = [column.name, dialect.types[column.kind]]
    if column.needed:
        words.append("NOT NULL")
    if column.default is not None:
        words.append(f"DEFAULT {_literal(column.default)}")
    return " ".join(words)


def _literal(value: str | int | bool) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).upper()
