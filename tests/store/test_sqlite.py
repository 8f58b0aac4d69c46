"""What only the SQLite store promises."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from boruta_farm.model.errors import StorageFullError, StoreError, UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import SessionKey
from boruta_farm.store import sqlite_driver
from boruta_farm.store.driver import Value
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.store.sqlite_driver import SqliteCursor
from tests.store.making import HandClock, creating, erasing, finishing, keeping


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "farm.db"


@pytest.fixture
async def store(path: Path, clock: HandClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, clock, FarmSettings())
    await store.start()
    yield store
    await store.close()


async def test_commits_are_durable(store: SqliteStore) -> None:
    driver = store._batcher.driver
    assert driver is not None
    asked = {
        pragma: driver.fetch(f"PRAGMA {pragma}")[0][0]
        for pragma in ("journal_mode", "synchronous", "secure_delete", "wal_autocheckpoint")
    }
    assert asked == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "wal_autocheckpoint": 0,
    }


async def test_the_file_is_its_owners_alone(store: SqliteStore, path: Path) -> None:
    await store.execute(creating())
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_the_farms_id_is_made_once(store: SqliteStore, path: Path, clock: HandClock) -> None:
    farm_id = store.farm_id
    assert len(farm_id) == 36
    await store.close()
    again = SqliteStore(path, clock, FarmSettings())
    with pytest.raises(UnavailableError, match="not been started"):
        _ = again.farm_id
    await again.start()
    assert again.farm_id == farm_id
    await again.close()


async def test_erased_keys_are_gone_from_the_disk(store: SqliteStore, path: Path) -> None:
    def content(name: str) -> bytes:
        file = path.with_name(name)
        return file.read_bytes() if file.exists() else b""

    keys = [
        SessionKey(
            worker="w",
            epoch=epoch,
            public=f"public-half-{epoch}",
            sealed=f"{epoch:04}-a-sealed-private-key".encode() * 40,
        )
        for epoch in range(50)
    ]
    for key in keys:
        await store.execute(keeping(key))
    assert b"public-half-7" in content("farm.db-wal")
    for key in keys:
        await store.execute(erasing(key))
    assert await store.get_session_key("w", 7) is None
    await store.close()
    assert content("farm.db-wal") == b""
    assert b"CREATE TABLE" in content("farm.db")
    assert b"public-half" not in content("farm.db")
    assert b"LWEtc2VhbGVkLXByaXZhdGUta2V5" not in content("farm.db"), "a part of each in base64"


async def test_a_full_disk_refuses_and_recovers(store: SqliteStore) -> None:
    driver = store._batcher.driver
    assert driver is not None
    driver.fetch("PRAGMA max_page_count=1")
    filed = 0

    async def fill() -> None:
        nonlocal filed
        for _ in range(1000):
            await store.execute(creating(caps={"padding": "x" * 500}))
            filed += 1

    with pytest.raises(StorageFullError):
        await fill()
    assert await store.get_request(filed) is not None
    assert await store.get_request(filed + 1) is None
    # A few pages stand for the reserve on the disk, which ends are stored from.
    pages = int(driver.fetch("PRAGMA page_count")[0][0])
    driver.fetch(f"PRAGMA max_page_count={pages + 8}")
    await store.execute(finishing(1))
    driver.fetch("PRAGMA max_page_count=1000000")
    assert await store.execute(creating()) == filed + 1


async def test_a_file_that_cannot_be_made_is_told(tmp_path: Path, clock: HandClock) -> None:
    store = SqliteStore(tmp_path / "missing" / "farm.db", clock, FarmSettings())
    with pytest.raises(StoreError, match="cannot be made: No such file"):
        await store.start()


@pytest.fixture
def gibberish(tmp_path: Path) -> Path:
    path = tmp_path / "gibberish.db"
    path.write_bytes(b"these are not the bytes of a database" * 100)
    return path


async def test_a_file_that_is_no_database_is_refused(gibberish: Path, clock: HandClock) -> None:
    store = SqliteStore(gibberish, clock, FarmSettings())
    with pytest.raises(StoreError, match="cannot be opened: file is not a database"):
        await store.start()


async def test_a_database_of_something_else_is_refused(path: Path, clock: HandClock) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    store = SqliteStore(path, clock, FarmSettings())
    with pytest.raises(StoreError, match=r"holds tables of something else \(recipes\)"):
        await store.start()


class WithoutLog:
    """A connection on a file system where no write-ahead log can be."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.close = self._connection.close
        self.executemany = self._connection.executemany
        self.in_transaction = False

    def execute(self, sql: str, parameters: Sequence[Value] = (), /) -> SqliteCursor:
        return self._connection.execute(sql.replace("=WAL", "=DELETE"), parameters)


async def test_a_file_system_without_a_log_is_told(path: Path, clock: HandClock) -> None:
    store = SqliteStore(path, clock, FarmSettings(), connector=WithoutLog)
    with pytest.raises(StoreError, match=r"cannot have a write-ahead log .* on a local disk"):
        await store.start()


async def test_memory_needs_the_inline_writer(clock: HandClock) -> None:
    with pytest.raises(StoreError, match="inline"):
        SqliteStore(":memory:", clock, FarmSettings())


async def test_a_lock_held_by_somebody_else_is_told(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_driver, "PATIENCE", 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="database is locked"):
            await store.execute(creating())
    assert await store.execute(creating()) == 1


async def test_reads_never_hold_a_snapshot(store: SqliteStore) -> None:
    """A checkpoint after every kind of read finds nobody in its way."""
    await store.execute(creating())
    await store.get_request(1)
    await store.get_worker("nobody")
    await store.snapshot()
    await store.events(0, 1)
    assert store._checkpointer is not None
    driver = store._checkpointer._open_driver()
    busy, frames, carried = driver.fetch("PRAGMA wal_checkpoint(TRUNCATE)")[0]
    driver.close()
    assert (busy, frames, carried) == (0, 0, 0)


async def test_many_readers_and_the_writer_get_on(store: SqliteStore) -> None:
    async def read() -> None:
        for number in range(1, 30):
            await asyncio.gather(store.snapshot(), store.get_request(number))

    await asyncio.gather(
        *(store.execute(creating()) for _ in range(200)), *(read() for _ in range(5))
    )
    assert await store.last_event() == 200


def test_starting_imports_no_psycopg(path: Path) -> None:
    """It takes a while, and only PostgreSQL needs it."""
    script = f"""
import asyncio, sys
from boruta_farm.clock import SystemClock
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.factory import open_store

async def main():
    store = open_store({str(path)!r}, SystemClock(), FarmSettings())
    await store.start()
    await store.close()

for _ in range(2):
    asyncio.run(main())
print("psycopg" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
