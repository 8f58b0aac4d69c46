"""Old databases are backed up and migrated, newer ones refused."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from boruta_farm.model.errors import StoreError
from boruta_farm.store import postgres, sqlite
from boruta_farm.store.upgrade import MIGRATIONS, SCHEMA, Upgrade
from tests.store.farms import Farm, SqliteKind
from tests.store.making import creating

NEXT = "9000"

STEP = f'''"""A step that only tests take."""

from alembic import op
from sqlalchemy import Column, Text

revision = "{NEXT}"
down_revision = "{SCHEMA}"


def upgrade() -> None:
    op.add_column("requests", Column("note", Text(), server_default="none"))
'''


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """Return the migrations with one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "next.py").write_text(STEP)
    return folder


def want(monkeypatch: pytest.MonkeyPatch, migrations: Path) -> None:
    """Let the stores believe that one more schema exists."""

    def upgrade(**given: Any) -> Upgrade:
        return replace(Upgrade(**given), wanted=NEXT, migrations=migrations)

    for module in (sqlite, postgres):
        monkeypatch.setattr(module, "Upgrade", upgrade)


def backed_up(farm: Farm) -> list[tuple[int]]:
    """Return the ids of requests in the backup."""
    if isinstance(farm.kind, SqliteKind):
        copy = farm.kind.path.with_name(f"farm.db.schema-{SCHEMA}.backup")
        assert copy.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(copy)) as connection:
            return connection.execute("SELECT id FROM requests").fetchall()
    return farm.fetch(f"SELECT id FROM boruta_backup_{SCHEMA}.requests")


async def test_an_older_schema_is_backed_up_and_migrated(
    farm: Farm,
    migrations: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = await farm.open()
    farm_id = store.farm_id
    await store.run(creating())
    want(monkeypatch, migrations)
    store = await farm.reopen()
    assert "the backup is" in caplog.text
    assert store.farm_id == farm_id
    assert farm.fetch("SELECT version_num FROM alembic_version") == [(NEXT,)]
    assert farm.fetch("SELECT id, note FROM requests") == [(1, "none")]
    assert backed_up(farm) == [(1,)]
    assert await store.run(creating()) == 2
    store = await farm.reopen()
    assert await store.run(creating()) == 3
    assert len(backed_up(farm)) == 1, "a current schema is not backed up again"


async def test_a_failing_migration_changes_nothing(
    farm: Farm, migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await farm.open()).run(creating())
    await farm.close()
    step = migrations / "versions" / "next.py"
    step.write_text(STEP + '    raise ZeroDivisionError("half way")\n')
    with monkeypatch.context() as patch:
        want(patch, migrations)
        with pytest.raises(ZeroDivisionError, match="half way"):
            await farm.open()
        await farm.close()
    store = await farm.open()
    assert farm.fetch("SELECT version_num FROM alembic_version") == [(SCHEMA,)]
    assert await store.run(creating()) == 2


async def test_a_newer_schema_is_refused_in_words(farm: Farm) -> None:
    await farm.open()
    await farm.close()
    for version in (NEXT, "gibberish"):
        farm.fetch("UPDATE alembic_version SET version_num = ?", (version,))
        with pytest.raises(StoreError, match=f"has schema {version}, newer than this server's"):
            await farm.open()
        assert farm.fetch("SELECT version_num FROM alembic_version") == [(version,)]


async def test_something_elses_tables_are_left_alone(farm: Farm) -> None:
    farm.fetch("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreError, match="holds tables of something else"):
        await farm.open()
    assert farm.fetch("SELECT * FROM recipes") == []
