"""The database's tables, keys and indexes.

Starting a server need not import this module: new databases are made from the texts in ``ddl/``,
which ``python -m boruta_farm.store.schema`` writes anew after a change here (and a test compares).
A change here also needs a migration and a new number in ``upgrade.SCHEMA``.
"""

from pathlib import Path

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from boruta_farm.store.upgrade import DDL

DIALECTS = ("sqlite", "postgresql")

metadata = MetaData()

Number = BigInteger().with_variant(Integer(), "sqlite")
"""Only INTEGER makes a primary key SQLite's own row number."""

Plain = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that sorts by its characters on every machine."""


def _needed(name: str, kind: Text | BigInteger | Boolean = Plain) -> "Column[object]":
    return Column(name, kind, nullable=False)


def _optional(name: str, kind: Text | BigInteger | Boolean = Plain) -> "Column[object]":
    return Column(name, kind, nullable=True)


def _key(name: str, kind: Text | BigInteger = Plain) -> "Column[object]":
    return Column(name, kind, primary_key=True, autoincrement=False)


requests = Table(
    "requests",
    metadata,
    _key("id", Number),
    _needed("owner"),
    _optional("owner_groups"),
    _needed("priority", Number),
    _needed("valid_after", Number),
    _needed("deadline", Number),
    _needed("state"),
    _optional("caps"),
    _optional("selector"),
    _needed("created", Number),
    _needed("revision", Number),
    _optional("ssh_key"),
    _optional("keep_alive", Number),
    _optional("orphaned_since", Number),
    _optional("finished", Number),
    _optional("reason"),
    _optional("job_worker"),
    _optional("job_epoch", Number),
)
Index(
    # One index holds all that lists filter and sort by, so that they never touch the wide rows.
    "requests_listed",
    *(requests.c[name] for name in ("state", "id", "priority", "deadline", "valid_after")),
    requests.c.finished,
)

WAITING = text("state = 'WAITING'")
Index("requests_waiting", requests.c.owner, sqlite_where=WAITING, postgresql_where=WAITING)

jobs = Table(
    "jobs",
    metadata,
    _needed("request_id", Number),
    _key("worker"),
    _key("epoch", Number),
    _needed("phase"),
    _needed("granted", Number),
    _needed("timeout", Number),
    _needed("job_limit", Number),
    _needed("prolong_seq", Number),
    _optional("wanted_timeout", Number),
    _optional("keep_alive_until", Number),
    _needed("waited", Boolean()),
    _needed("key_read", Boolean()),
    _optional("ended", Number),
    sqlite_with_rowid=False,
)
HOLDING = text("phase IN ('OPENING', 'LIVE')")
for held in (jobs.c.worker, jobs.c.request_id):
    Index(
        f"jobs_one_per_{held.name.removesuffix('_id')}",
        held,
        unique=True,
        sqlite_where=HOLDING,
        postgresql_where=HOLDING,
    )

workers = Table(
    "workers",
    metadata,
    _key("uuid"),
    _needed("name"),
    _needed("state"),
    _needed("since", Number),
    _needed("caps"),
    _needed("groups"),
    _needed("epoch", Number),
    _needed("fence"),
    _needed("dryad_address"),
    _needed("ssh_address"),
    _needed("port", Number),
    _needed("registered", Number),
    _needed("revision", Number),
    _optional("reason"),
    _needed("username"),
    _optional("host_key"),
    _optional("boot_id"),
    _optional("credential"),
    _optional("credential_since", Number),
    _optional("next_credential"),
    _optional("asked_name"),
    _needed("after_job", Boolean()),
    _needed("idle_again", Boolean()),
    _optional("unreachable_since", Number),
    _optional("facts"),
    _needed("recoveries"),
    _needed("reach"),
)
Index("workers_name", workers.c.name, unique=True)
Index("workers_port", workers.c.port, unique=True)

session_keys = Table(
    "session_keys",
    metadata,
    _key("worker"),
    _key("epoch", Number),
    _needed("public"),
    _optional("sealed"),
    sqlite_with_rowid=False,
)

creations = Table(
    "creations",
    metadata,
    _key("owner"),
    _key("key"),
    _needed("body_hash"),
    _needed("request_id", Number),
    _needed("created", Number),
    sqlite_with_rowid=False,
)
Index("creations_created", creations.c.created)

epochs = Table("epochs", metadata, _key("uuid"), _needed("epoch", Number), sqlite_with_rowid=False)

events = Table(
    "events",
    metadata,
    _key("number", Number),
    _needed("at", Number),
    _needed("kind"),
    _optional("request_id", Number),
    _optional("worker"),
    _optional("state"),
    _optional("reason"),
)

summaries = Table(
    "summaries",
    metadata,
    _key("subject"),
    _needed("numbers"),
    _needed("updated", Number),
    sqlite_with_rowid=False,
)
Index("summaries_updated", summaries.c.updated)

tallies = Table(
    "tallies",
    metadata,
    _key("state"),
    _key("bucket", Number),
    _needed("requests", Number),
    sqlite_with_rowid=False,
)

accounts = Table(
    "accounts",
    metadata,
    _key("name"),
    _needed("role"),
    _needed("created", Number),
    _needed("full_name"),
    _needed("groups"),
    _needed("ssh_keys"),
    _needed("keys_on_board", Boolean()),
    _needed("networks"),
    _needed("limits"),
    _needed("disabled", Boolean()),
    _needed("revision", Number),
    sqlite_with_rowid=False,
)

groups = Table(
    "farm_groups",
    metadata,
    _key("name"),
    _needed("created", Number),
    _needed("limits"),
    _needed("keys_for_admins", Boolean()),
    _needed("revision", Number),
    sqlite_with_rowid=False,
)

tokens = Table(
    "tokens",
    metadata,
    _key("id"),
    _needed("account"),
    _needed("kind"),
    _needed("scope"),
    _needed("name"),
    _needed("digest"),
    _needed("created", Number),
    _needed("expires", Number),
    _needed("issuer"),
    _optional("uses", Number),
    _optional("worker"),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    _key("number", Number),
    _needed("at", Number),
    _needed("actor"),
    _needed("source"),
    _needed("action"),
    _needed("subject"),
    _needed("detail"),
    _optional("seal"),
)
UNSEALED = text("seal IS NULL")
Index("audit_unsealed", audit.c.number, sqlite_where=UNSEALED, postgresql_where=UNSEALED)

counters = Table(
    "counters", metadata, _key("name"), _needed("value", Number), sqlite_with_rowid=False
)

meta = Table("meta", metadata, _key("name"), _needed("value"), sqlite_with_rowid=False)

alembic_version = Table("alembic_version", metadata, _key("version_num"))


def ddl(name: str) -> str:
    """Return the statements that make all tables and indexes in a dialect."""
    dialect = make_url(f"{name}://").get_dialect()()
    statements: list[str] = []
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made: list[ExecutableDDLElement] = [CreateTable(table), *map(CreateIndex, indexes)]
        for statement in made:
            lines = str(statement.compile(dialect=dialect)).strip().splitlines()
            statements.append("\n".join(line.rstrip().replace("\t", "    ") for line in lines))
    return ";\n\n".join(statements) + ";\n"


def main(folder: Path = DDL) -> None:
    """Write the texts anew."""
    for name in DIALECTS:
        (folder / f"{name}.sql").write_text(ddl(name), encoding="utf-8")


if __name__ == "__main__":
    main()
