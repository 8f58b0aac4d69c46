"""Databases as earlier versions left them, and what a database knows of its tables."""

from pathlib import Path

from boruta_farm.store.driver import Row
from tests.store.farms import Farm, SqliteKind

SCHEMAS = Path(__file__).parent / "schemas"
KEPT = sorted(int(path.name.partition(".")[0]) for path in SCHEMAS.glob("*.rows.sql"))
"""The schemas whose texts are kept."""

Shape = dict[str, tuple[dict[str, Row], dict[str, object], list[object]]]
"""Per table its columns (type, whether needed, place in the key), their defaults, its indexes."""


def lay_schema(farm: Farm, number: int) -> None:
    """Put an earlier schema with some rows in place of all that a database holds."""
    clear(farm)
    dialect = "sqlite" if isinstance(farm.kind, SqliteKind) else "postgresql"
    for part in (dialect, "rows"):
        text = (SCHEMAS / f"{number:04}.{part}.sql").read_text(encoding="utf-8")
        for statement in text.split(";\n"):
            if statement.strip():
                farm.fetch(statement)


def clear(farm: Farm) -> None:
    """Drop all tables."""
    for name in tables(farm):
        farm.fetch(f"DROP TABLE {name}")


def tables(farm: Farm) -> list[str]:
    """Return the names of all tables."""
    if isinstance(farm.kind, SqliteKind):
        statement = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    else:
        statement = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    return [name for (name,) in farm.fetch(statement)]


def shape(farm: Farm) -> Shape:
    """Return all that a database knows of its tables."""
    read = _sqlite_shape if isinstance(farm.kind, SqliteKind) else _postgres_shape
    return {table: read(farm, table) for table in tables(farm)}


def _sqlite_shape(farm: Farm, table: str) -> tuple[dict[str, Row], dict[str, object], list[object]]:
    columns: dict[str, Row] = {}
    defaults: dict[str, object] = {}
    for _, name, kind, needed, default, key in farm.fetch(f"PRAGMA table_info({table})"):
        columns[name] = (kind, needed, key)
        defaults[name] = default
    indexes = farm.fetch(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        " AND sql IS NOT NULL ORDER BY name",
        (table,),
    )
    ((bare,),) = farm.fetch("SELECT wr FROM pragma_table_list WHERE name = ?", (table,))
    return columns, defaults, [bare, *(" ".join(sql.split()) for (sql,) in indexes)]


def _postgres_shape(
    farm: Farm, table: str
) -> tuple[dict[str, Row], dict[str, object], list[object]]:
    columns: dict[str, Row] = {}
    defaults: dict[str, object] = {}
    for name, kind, needed, collation, default in farm.fetch(
        "SELECT column_name, data_type, is_nullable, collation_name, column_default"
        " FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ?",
        (table,),
    ):
        columns[name] = (kind, needed, collation)
        defaults[name] = default
    indexes = farm.fetch(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ?"
        " ORDER BY indexname",
        (table,),
    )
    return columns, defaults, [definition for (definition,) in indexes]
