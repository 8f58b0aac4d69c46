"""One schema, told four ways: metadata, texts, columns and migrations."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from boruta_farm.store import schema, tables
from boruta_farm.store.migrations.runner import migrate
from boruta_farm.store.upgrade import DDL, MIGRATIONS, SCHEMA
from tests.store.farms import Farm, Kind, PostgresKind, SqliteKind


def url_of(kind: Kind) -> str:
    if isinstance(kind, PostgresKind):
        return kind.url.replace("postgresql://", "postgresql+psycopg://")
    assert isinstance(kind, SqliteKind)
    return f"sqlite:///{kind.path}"


def made(connection: Connection) -> object:
    """Return all that a database knows of its tables."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT type, name, sql FROM sqlite_master"))
        return sorted(
            (row[0], row[1], " ".join(str(row[2]).split())) for row in rows if row[2] is not None
        )
    found = inspect(connection)
    return {
        name: (
            [(str(c["name"]), str(c["type"]), c["nullable"]) for c in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted(str(index) for index in found.get_indexes(name)),
        )
        for name in found.get_table_names()
    }


@pytest.mark.parametrize("name", schema.DIALECTS)
def test_the_texts_are_those_of_the_metadata(name: str) -> None:
    kept = (DDL / f"{name}.sql").read_text(encoding="utf-8")
    assert kept == schema.ddl(name), "run: python -m boruta_farm.store.schema"


def test_writing_the_texts_anew_changes_nothing(tmp_path: Path) -> None:
    schema.main(tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        file.name: file.read_text() for file in DDL.iterdir()
    }


def test_the_columns_are_those_of_the_metadata() -> None:
    listed = {
        name.lower(): columns
        for name, columns in vars(tables).items()
        if isinstance(columns, tuple)
    }
    kinds = {"INTEGER": "bigint", "BIGINT": "bigint", "TEXT": "text", "BOOLEAN": "boolean"}
    assert {
        name: [(column.name, kinds[str(column.type)]) for column in table.columns]
        for name, table in schema.metadata.tables.items()
        if name != "alembic_version"
    } == {name: [(c.name, c.kind) for c in columns] for name, columns in listed.items()}


def test_the_newest_migration_is_the_schema() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [SCHEMA]


async def test_a_new_database_equals_the_metadata(farm: Farm) -> None:
    await farm.open()
    engine = create_engine(url_of(farm.kind))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert context.get_current_revision() == SCHEMA
            assert compare_metadata(context, schema.metadata) == []
    finally:
        engine.dispose()


async def test_migrating_from_nothing_equals_a_new_database(kind: Kind, farm: Farm) -> None:
    await farm.open()
    await farm.close()
    engine = create_engine(url_of(kind))
    try:
        with engine.connect() as connection:
            fresh = made(connection)
            assert fresh
        with engine.begin() as connection:
            for table in inspect(connection).get_table_names():
                connection.execute(text(f"DROP TABLE {table}"))
        migrate(url_of(kind), MIGRATIONS, SCHEMA)
        with engine.connect() as connection:
            migrated = made(connection)
    finally:
        engine.dispose()
    assert without_stamp(migrated) == without_stamp(fresh)


def without_stamp(found: object) -> object:
    """Leave the version's own table out: Alembic makes it with a type of its own."""
    if isinstance(found, dict):
        return {name: table for name, table in found.items() if name != "alembic_version"}
    assert isinstance(found, list)
    return [entry for entry in found if entry[1] != "alembic_version"]
