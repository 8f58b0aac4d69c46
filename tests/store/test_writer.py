"""The writer: bounds, endings, death."""

import asyncio
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from boruta_farm.model.errors import OverloadedError, UnavailableError
from boruta_farm.model.events import Change
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.base import Transaction
from boruta_farm.store.batch import MAX_BATCH
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.store.writer import MAX_WAITING, STANDSTILL, InlineWriter
from tests.store.farms import Farm
from tests.store.making import HandClock, creating


class Gate:
    """Hold the writer inside a command until the test lets it go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._open = threading.Event()

    def __call__(self, tx: Transaction, now: datetime) -> None:
        self._loop.call_soon_threadsafe(self.entered.set)
        assert self._open.wait(30)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
async def threaded(farm: Farm) -> DatabaseStore:
    if not farm.threaded:
        pytest.skip("only a thread can be held up")
    return await farm.open()


async def test_what_waits_is_bounded(threaded: DatabaseStore) -> None:
    gate = Gate()
    first = asyncio.ensure_future(threaded.run(gate))
    await gate.entered.wait()
    waiting = [asyncio.ensure_future(threaded.run(creating())) for _ in range(MAX_WAITING - 1)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await threaded.run(creating())
    gate.open()
    await first
    assert await asyncio.gather(*waiting) == list(range(1, MAX_WAITING))
    assert await threaded.run(creating()) == MAX_WAITING


async def test_batches_hold_what_arrived_but_not_too_much(threaded: DatabaseStore) -> None:
    told: list[tuple[Change, ...]] = []
    threaded.listen(told.append)
    gate = Gate()
    first = asyncio.ensure_future(threaded.run(gate))
    await gate.entered.wait()
    waiting = [asyncio.ensure_future(threaded.run(creating())) for _ in range(MAX_BATCH + 10)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *waiting)
    assert [len(batch) for batch in told] == [MAX_BATCH, 10]


async def test_closing_writes_what_was_accepted(farm: Farm) -> None:
    store = await farm.open()
    waiting = [asyncio.ensure_future(store.run(creating())) for _ in range(700)]
    await asyncio.sleep(0)
    await farm.close()
    assert await asyncio.gather(*waiting) == list(range(1, 701))
    assert farm.fetch("SELECT COUNT(*) FROM requests") == [(700,)]


async def test_a_closed_store_says_so(farm: Farm) -> None:
    store = await farm.open()
    await farm.close()
    await store.close()
    with pytest.raises(UnavailableError, match="closed"):
        await store.run(creating())
    with pytest.raises(UnavailableError, match="closed"):
        await store.get_request(1)


async def test_a_caller_that_gave_up_stops_nobody(threaded: DatabaseStore) -> None:
    gate = Gate()
    first = asyncio.ensure_future(threaded.run(gate))
    await gate.entered.wait()
    gone = asyncio.ensure_future(threaded.run(creating()))
    kept = asyncio.ensure_future(threaded.run(creating()))
    await asyncio.sleep(0)
    gone.cancel()
    gate.open()
    await first
    assert await kept == 2, "what was accepted is written, also without its caller"


async def test_a_writer_that_stands_still_is_noticed(
    threaded: DatabaseStore, clock: HandClock
) -> None:
    clock.advance(timedelta(hours=1))
    assert threaded.alive(clock.now()) is None
    gate = Gate()
    held = asyncio.ensure_future(threaded.run(gate))
    await gate.entered.wait()
    clock.advance(STANDSTILL - timedelta(microseconds=1))
    assert threaded.alive(clock.now()) is None
    clock.advance(timedelta(microseconds=1))
    assert threaded.alive(clock.now()) == ("the writer stands still since 13:00:00 UTC (1 waiting)")
    gate.open()
    await held
    assert threaded.alive(clock.now()) is None


async def test_a_writer_that_dies_ends_the_process(
    tmp_path: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    died = asyncio.Event()
    loop = asyncio.get_running_loop()

    def die() -> None:
        loop.call_soon_threadsafe(died.set)

    store = SqliteStore(tmp_path / "farm.db", clock, FarmSettings(), on_death=die)
    await store.start()

    def deadly(tx: Transaction, now: datetime) -> None:
        raise SystemExit

    lost = asyncio.ensure_future(store.run(deadly))
    await died.wait()
    assert "the writer died" in caplog.text
    lost.cancel()
    store._writer._end()  # type: ignore[attr-defined]  # nobody else will, after a death
    store._batcher.close()
    await store.close()


async def test_the_inline_writer_runs_at_once_and_shares_the_loop(
    tmp_path: Path, clock: HandClock
) -> None:
    store = SqliteStore(":memory:", clock, FarmSettings(), inline=True)
    await store.start()
    try:
        assert isinstance(store._writer, InlineWriter)
        turns: list[str] = []
        asyncio.get_running_loop().call_soon(turns.append, "another")
        store.listen(lambda changes: turns.append("told"))
        assert await store.run(creating()) == 1
        assert turns == ["told", "another"]
        assert store.alive(clock.now() + timedelta(days=1)) is None
        assert await store.get_request(1) is not None
    finally:
        await store.close()
