"""The writer: bounds, endings, death."""

import asyncio
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.model.errors import OverloadedError, UnavailableError
from boruta_farm.model.events import Change
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store import batch_writer
from boruta_farm.store.batch_writer import MAX_WAITING, STANDSTILL, BatchWriter
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.store.sqlite_driver import connect
from tests.store.failing import failing, spoil
from tests.store.farms import Farm
from tests.store.making import HandClock, creating


class Gate:
    """Hold the writer inside a COMMIT until the test lets it go."""

    def __init__(self, store: DatabaseStore) -> None:
        self.entered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._open = threading.Event()
        spoil(store, before=self._hold)

    def open(self) -> None:
        self._open.set()

    def _hold(self, statement: str) -> None:
        if statement == "COMMIT":
            self._loop.call_soon_threadsafe(self.entered.set)
            assert self._open.wait(30)


class DeadlyError(BaseException):
    """What nobody may take for a command's own failure."""


@pytest.fixture
async def threaded(farm: Farm) -> DatabaseStore:
    if not farm.threaded:
        pytest.skip("only a thread can be held up")
    return await farm.open()


async def test_what_waits_is_bounded(threaded: DatabaseStore) -> None:
    gate = Gate(threaded)
    first = asyncio.ensure_future(threaded.execute(creating()))
    await gate.entered.wait()
    waiting = [asyncio.ensure_future(threaded.execute(creating())) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    gate.open()
    answers = await asyncio.gather(first, *waiting, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, OverloadedError)]
    # Over PostgreSQL a look at what other servers have written may wait, too.
    assert 1 <= len(refused) <= 2
    given = MAX_WAITING + 1 - len(refused)
    assert answers[:given] == list(range(1, given + 1))
    assert await threaded.execute(creating()) == given + 1


async def test_batches_hold_what_arrived_but_not_too_much(threaded: DatabaseStore) -> None:
    told: list[tuple[Change, ...]] = []
    threaded.listen(told.append)
    gate = Gate(threaded)
    first = asyncio.ensure_future(threaded.execute(creating()))
    await gate.entered.wait()
    assert isinstance(threaded._writer, BatchWriter)
    size = threaded._writer._size
    waiting = [asyncio.ensure_future(threaded.execute(creating())) for _ in range(size + 10)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *waiting)
    assert [len(batch) for batch in told] == [1, size, 10]


async def test_those_who_come_within_two_rounds_share_a_batch(threaded: DatabaseStore) -> None:
    told: list[tuple[Change, ...]] = []
    threaded.listen(told.append)
    first = asyncio.ensure_future(threaded.execute(creating()))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(threaded.execute(creating()))
    await asyncio.sleep(0)
    third = asyncio.ensure_future(threaded.execute(creating()))
    await asyncio.gather(first, second, third)
    assert [len(batch) for batch in told] == [3]


async def test_what_is_patient_is_committed_with_what_comes_next(
    threaded: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_writer, "PATIENCE", 60)
    told: list[tuple[Change, ...]] = []
    threaded.listen(told.append)
    patient = asyncio.ensure_future(threaded.execute(creating(), patient=True))
    await asyncio.sleep(0)
    assert await threaded.execute(creating()) == 1
    assert await patient == 2, "the last of its batch"
    assert [len(changes) for changes in told] == [2]


async def test_what_is_patient_waits_for_nobody_for_long(threaded: DatabaseStore) -> None:
    assert await threaded.execute(creating(), patient=True) == 1


async def test_what_is_patient_is_written_before_the_end(
    threaded: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_writer, "PATIENCE", 60)
    patient = asyncio.ensure_future(threaded.execute(creating(), patient=True))
    await asyncio.sleep(0)
    await threaded.close()
    assert await patient == 1


async def test_who_holds_the_database_does_not_hold_the_loop(
    tmp_path: Path, clock: HandClock
) -> None:
    store = SqliteStore(tmp_path / "farm.db", clock, FarmSettings())
    await store.start()
    loop = asyncio.get_running_loop()
    tried: asyncio.Queue[str] = asyncio.Queue()

    def tell(statement: str) -> None:
        loop.call_soon_threadsafe(tried.put_nowait, statement)

    spoil(store, before=tell)
    with closing(connect(str(tmp_path / "farm.db"))) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(store.execute(creating()))
        assert [await tried.get(), await tried.get()] == ["BEGIN", "BEGIN"]
        late = asyncio.ensure_future(store.execute(creating()))
        assert not waiting.done()
        other.execute("ROLLBACK")
        assert [await waiting, await late] == [1, 2]
    await store.close()


async def test_closing_writes_what_was_accepted(farm: Farm) -> None:
    store = await farm.open()
    waiting = [asyncio.ensure_future(store.execute(creating())) for _ in range(700)]
    await asyncio.sleep(0)
    await farm.close()
    assert await asyncio.gather(*waiting) == list(range(1, 701))
    assert farm.fetch("SELECT COUNT(*) FROM requests") == [(700,)]


async def test_a_closed_store_says_so(farm: Farm) -> None:
    store = await farm.open()
    await farm.close()
    await store.close()
    with pytest.raises(UnavailableError, match="closed"):
        await store.execute(creating())
    with pytest.raises(UnavailableError, match="closed"):
        await store.get_request(1)


async def test_a_caller_that_gave_up_stops_nobody(threaded: DatabaseStore) -> None:
    gate = Gate(threaded)
    first = asyncio.ensure_future(threaded.execute(creating()))
    await gate.entered.wait()
    gone = asyncio.ensure_future(threaded.execute(creating()))
    kept = asyncio.ensure_future(threaded.execute(creating()))
    await asyncio.sleep(0)
    gone.cancel()
    gate.open()
    await first
    assert await kept == 3, "what was accepted is written, also without its caller"


async def test_a_writer_that_stands_still_is_noticed(
    threaded: DatabaseStore, clock: HandClock
) -> None:
    clock.advance(timedelta(hours=1))
    assert threaded.alive(clock.now()) is None
    gate = Gate(threaded)
    held = asyncio.ensure_future(threaded.execute(creating()))
    await gate.entered.wait()
    clock.advance(STANDSTILL - timedelta(microseconds=1))
    assert threaded.alive(clock.now()) is None
    clock.advance(timedelta(microseconds=1))
    assert threaded.alive(clock.now()) == ("the writer stands still since 13:00:00 UTC (1 waiting)")
    gate.open()
    await held
    assert threaded.alive(clock.now()) is None


@pytest.mark.parametrize("where", ["loop", "thread"])
async def test_a_writer_that_dies_ends_the_process(
    where: str, tmp_path: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    died = asyncio.Event()
    loop = asyncio.get_running_loop()

    def die() -> None:
        loop.call_soon_threadsafe(died.set)

    def deadly(*arguments: object) -> None:
        raise DeadlyError

    store = SqliteStore(tmp_path / "farm.db", clock, FarmSettings(), on_death=die)
    await store.start()
    if where == "thread":
        spoil(store, before=failing("COMMIT", DeadlyError()))
    lost = asyncio.ensure_future(store.execute(deadly if where == "loop" else creating()))
    await died.wait()
    assert "the writer died" in caplog.text
    lost.cancel()
    assert isinstance(store._writer, BatchWriter)
    if where == "loop":
        store._writer._tasks.put(None)
    else:
        store._writer._end()
        store._batcher.close()
    await store.close()
