"""Old databases are backed up and migrated; newer, foreign and damaged ones refused in words."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from boruta_farm.model.errors import StoreError
from boruta_farm.store import postgres, sqlite
from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations import SCHEMA
from boruta_farm.store.migrations.step import Step
from boruta_farm.store.upgrade import Upgrade
from tests.store.farms import Farm, SqliteKind
from tests.store.making import creating
from tests.store.old import lay_schema, tables

NEXT = SCHEMA + 1


def expand(_dialect: Dialect) -> Iterable[str]:
    yield "ALTER TABLE requests ADD COLUMN note TEXT DEFAULT 'none'"


def want(monkeypatch: pytest.MonkeyPatch, *, beside: bool = False, then: str = "") -> None:
    """Let the stores believe that one more schema exists."""

    def statements(dialect: Dialect) -> Iterable[str]:
        yield from expand(dialect)
        if then:
            yield then

    def upgrade(**given: Any) -> Upgrade:
        made = Upgrade(**given)
        return replace(made, wanted=NEXT, step_to=lambda _number: Step(statements, beside))

    for module in (sqlite, postgres):
        monkeypatch.setattr(module, "Upgrade", upgrade)


def backups(farm: Farm) -> list[str]:
    """Return the names of all backups."""
    if isinstance(farm.kind, SqliteKind):
        found = farm.kind.path.parent.glob("*.backup*")
        return sorted(path.name for path in found)
    rows = farm.fetch(
        "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'boruta_backup')"
    )
    return [name for (name,) in rows]


def backed_up(farm: Farm, schema: int) -> list[tuple[int]]:
    """Return the ids of requests in the backup."""
    if isinstance(farm.kind, SqliteKind):
        copy = farm.kind.path.with_name(f"farm.db.schema-{schema:04}.backup")
        assert copy.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(copy)) as connection:
            return connection.execute("SELECT id FROM requests").fetchall()
    return farm.fetch(f"SELECT id FROM boruta_backup_{schema:04}.requests")


async def test_an_older_schema_is_backed_up_and_migrated(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lay_schema(farm, 1)
    store = await farm.open()
    assert "the backup is" in caplog.text
    assert store.farm_id == "the-farm"
    assert backed_up(farm, 1) == [(7,)]
    assert await store.execute(creating()) == 8
    want(monkeypatch)
    store = await farm.reopen()
    assert farm.fetch("SELECT version, oldest FROM schema_version") == [(NEXT, NEXT)]
    assert farm.fetch("SELECT id, note FROM requests ORDER BY id") == [(7, "none"), (8, "none")]
    assert backed_up(farm, SCHEMA) == [(7,), (8,)]
    assert await store.execute(creating()) == 9
    store = await farm.reopen()
    assert await store.execute(creating()) == 10
    assert len(backed_up(farm, SCHEMA)) == 2, "a current schema is not backed up again"


async def test_a_server_goes_on_beside_the_next_schema_while_that_is_only_expanded(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await farm.open()
    with monkeypatch.context() as patch:
        want(patch, beside=True)
        await farm.reopen()
    assert farm.fetch("SELECT version, oldest FROM schema_version") == [(NEXT, SCHEMA)]
    store = await farm.reopen()
    assert await store.execute(creating()) == 1
    assert farm.fetch("SELECT id, note FROM requests") == [(1, "none")]
    assert backups(farm) == [name for name in backups(farm) if f"{SCHEMA:04}" in name]
    farm.fetch("UPDATE schema_version SET oldest = version")
    with pytest.raises(StoreError, match="newer than this server's"):
        await farm.reopen()


async def test_a_failing_migration_changes_nothing_and_leaves_no_backup(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await farm.open()).execute(creating())
    with monkeypatch.context() as patch:
        want(patch, then="SELECT half_way")
        with pytest.raises(StoreError, match=r"cannot be migrated .*half_way.*nothing was changed"):
            await farm.reopen()
    assert backups(farm) == []
    store = await farm.reopen()
    assert farm.fetch("SELECT version FROM schema_version") == [(SCHEMA,)]
    assert await store.execute(creating()) == 2


DAMAGE = {
    "newer": ("UPDATE schema_version SET version = 9000, oldest = 9000", "has schema 9000, newer"),
    "older": ("UPDATE schema_version SET version = 0, oldest = 0", "has schema 0, older than 1"),
    "no version": ("DELETE FROM schema_version", "must tell one schema, and tells none"),
    "two versions": (
        "INSERT INTO schema_version (version, oldest) VALUES (1, 1)",
        rf"must tell one schema, and tells 1, {SCHEMA}",
    ),
    "no farm": ("DELETE FROM meta", "is damaged: its table meta does not tell the farm's id"),
    "no requests": ("DROP TABLE requests", "holds tables of something else"),
}
OLD_DAMAGE = {
    "newer": ("UPDATE alembic_version SET version_num = '9000'", "has schema 9000, newer"),
    "older": ("UPDATE alembic_version SET version_num = '0000'", "has schema 0000, older than 1"),
    "gibberish": (
        "UPDATE alembic_version SET version_num = 'ae10'",
        "schema 'ae10', which is none",
    ),
    "no version": ("DELETE FROM alembic_version", "must tell one schema, and tells none"),
    "two versions": (
        "INSERT INTO alembic_version (version_num) VALUES ('0002')",
        "must tell one schema, and tells 0001, 0002",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
async def test_a_database_that_is_not_right_is_refused_in_words(farm: Farm, name: str) -> None:
    await farm.open()
    await farm.close()
    await refused(farm, *DAMAGE[name])


@pytest.mark.parametrize("name", OLD_DAMAGE)
async def test_so_is_one_of_the_first_schema(farm: Farm, name: str) -> None:
    lay_schema(farm, 1)
    await refused(farm, *OLD_DAMAGE[name])


async def refused(farm: Farm, damage: str, words: str) -> None:
    """Damage a database and see a server refuse it, twice, without touching it."""
    farm.fetch(damage)
    before = tables(farm)
    for _ in range(2):
        with pytest.raises(StoreError, match=words) as error:
            await farm.open()
        assert error.value.__cause__ is None
        await farm.close()
    assert tables(farm) == before
    assert backups(farm) == []


@pytest.mark.parametrize("table", ["recipes", "alembic_version", "schema_version"])
async def test_something_elses_tables_are_left_alone(farm: Farm, table: str) -> None:
    farm.fetch(f"CREATE TABLE {table} (version_num TEXT)")
    farm.fetch(f"INSERT INTO {table} (version_num) VALUES ('0001')")
    with pytest.raises(StoreError, match="holds tables of something else"):
        await farm.open()
    assert farm.fetch(f"SELECT * FROM {table}") == [("0001",)]
    assert backups(farm) == []
