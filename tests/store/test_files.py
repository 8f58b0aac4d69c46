"""Files removed under a running server: nothing acknowledged is lost, nothing more is written."""

import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from boruta_farm.model.errors import OutcomeUnknownError, UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store import checkpoints
from boruta_farm.store.files import OpenedFiles
from boruta_farm.store.sqlite import SqliteStore
from tests.store.making import HandClock, creating


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "farm.db"


@pytest.fixture
async def store(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SqliteStore]:
    monkeypatch.setattr(checkpoints, "LOOK_EVERY", 3600)
    store = SqliteStore(path, clock, FarmSettings(disk_reserve=1))
    await store.start()
    yield store
    await store.close()


def held(path: Path) -> int:
    """Return how many requests a new process would find, without the log that is open."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as reader:
        return int(reader.execute("SELECT count(*) FROM requests").fetchone()[0])


async def test_a_removed_log_loses_nothing_that_was_acknowledged(
    store: SqliteStore, path: Path, clock: HandClock
) -> None:
    for _ in range(50):
        await store.execute(creating())
    path.with_name("farm.db-wal").unlink()
    assert await store.execute(creating()) == 51, "carried over before it is acknowledged"
    with pytest.raises(UnavailableError, match=r"farm\.db-wal was removed or replaced"):
        await store.execute(creating())
    assert store.only_ends() is not None
    assert "carried into" in (store.alive(clock.now()) or "")
    assert held(path) == 51


async def test_a_log_removed_while_a_batch_is_committed_is_noticed_before_the_answer(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.execute(creating())
    driver = store._batcher.driver
    assert driver is not None
    commit = driver.commit

    def removing() -> None:
        path.with_name("farm.db-wal").unlink()
        commit()

    monkeypatch.setattr(driver, "commit", removing)
    assert await store.execute(creating()) == 2
    assert held(path) == 2, "acknowledged, since it was carried over"


async def test_a_removed_log_is_noticed_while_nothing_is_written(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LOOK_EVERY", 0.01)
    saved = threading.Event()
    save = OpenedFiles.save

    def saving(files: OpenedFiles, driver: object) -> bool:
        done = save(files, driver)  # type: ignore[arg-type]  # passed on as it came
        saved.set()
        return done

    monkeypatch.setattr(OpenedFiles, "save", saving)
    store = SqliteStore(path, clock, FarmSettings(disk_reserve=1))
    await store.start()
    await store.execute(creating())
    path.with_name("farm.db-wal").unlink()
    assert saved.wait(30)
    assert held(path) == 1
    await store.close()


async def test_a_removed_database_is_saved_beside_its_place(store: SqliteStore, path: Path) -> None:
    for _ in range(5):
        await store.execute(creating())
    path.unlink()  # noqa: ASYNC240
    with pytest.raises(OutcomeUnknownError):
        await store.execute(creating())
    with pytest.raises(UnavailableError, match="was removed or replaced"):
        await store.execute(creating())
    (copy,) = path.parent.glob("farm.db.saved-*")
    assert held(copy) == 6
    assert copy.stat().st_mode & 0o777 == 0o600
