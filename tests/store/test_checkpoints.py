"""The write-ahead log stays small, whoever writes."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.checkpoints import Checkpointer
from boruta_farm.store.driver import DatabaseDriver
from boruta_farm.store.sqlite import SqliteStore
from tests.store.making import HandClock, creating

KILO = 1024


async def test_the_log_is_bounded_under_constant_writes(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "farm.db"
    store = SqliteStore(path, clock, FarmSettings())
    checkpointer = store._checkpointer
    assert checkpointer is not None
    checkpointer._soft_limit, checkpointer._hard_limit = 256 * KILO, KILO * KILO
    await store.start()
    driver = store._batcher.driver
    assert driver is not None
    driver.fetch(f"PRAGMA journal_size_limit={256 * KILO}")
    try:
        largest = 0
        for _ in range(60):
            await asyncio.gather(
                *(store.execute(creating(caps={"padding": "x" * 500})) for _ in range(200))
            )
            largest = max(largest, checkpointer.size())
        assert path.stat().st_size > 6 * KILO * KILO
        assert 256 * KILO < largest < 2 * KILO * KILO
    finally:
        await store.close()


async def test_a_reader_that_holds_a_snapshot_stops_nobody(
    tmp_path: Path, clock: HandClock
) -> None:
    path = tmp_path / "farm.db"
    store = SqliteStore(path, clock, FarmSettings())
    checkpointer = store._checkpointer
    assert checkpointer is not None
    checkpointer._soft_limit = checkpointer._hard_limit = 64 * KILO
    await store.start()
    try:
        await store.execute(creating())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN")
            assert other.execute("SELECT COUNT(*) FROM requests").fetchall() == [(1,)]
            await asyncio.gather(*(store.execute(creating()) for _ in range(2000)))
            assert other.execute("SELECT COUNT(*) FROM requests").fetchall() == [(1,)]
        assert await store.last_event() == 2001
    finally:
        await store.close()


def test_a_checkpointer_without_a_log_has_nothing_to_do(tmp_path: Path) -> None:
    def never() -> DatabaseDriver:
        raise AssertionError

    checkpointer = Checkpointer(tmp_path / "farm.db", never)
    assert checkpointer.size() == 0
    checkpointer.after_batch()
    assert not checkpointer._wanted.is_set()
