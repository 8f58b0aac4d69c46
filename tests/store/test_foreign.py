"""What one server on a PostgreSQL database commits, another one hears in order, once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from boruta_farm.model.errors import TransitionError
from boruta_farm.model.events import Change, EventKind
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store import foreign, hearing
from boruta_farm.store.base import Transaction
from boruta_farm.store.batch import look
from boruta_farm.store.batch_writer import BatchWriter
from boruta_farm.store.driver import DriverError
from boruta_farm.store.postgres import PostgresStore
from boruta_farm.store.postgres_driver import connect
from tests.store.failing import spoil
from tests.store.making import HandClock, creating, make_worker
from tests.store.postgres_server import PostgresServer


@pytest.fixture
def address(postgres_server: PostgresServer) -> Iterator[str]:
    made = postgres_server.database()
    yield made
    postgres_server.drop(made)


@pytest.fixture
async def pair(address: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    stores = tuple(PostgresStore(address, HandClock(), FarmSettings()) for _ in range(2))
    for store in stores:
        await store.start()
    yield stores[0], stores[1]
    for store in stores:
        await store.close()


class Ear:
    """Note what a store tells, and return once it has told so much."""

    def __init__(self, store: PostgresStore) -> None:
        self.heard: list[Change] = []
        self._news = asyncio.Event()
        store.listen(self._hear)

    def _hear(self, changes: tuple[Change, ...]) -> None:
        self.heard.extend(changes)
        self._news.set()

    async def until(self, number: int) -> None:
        async with asyncio.timeout(30):
            while not self.heard or self.heard[-1].event.number < number:
                await self._news.wait()
                self._news.clear()

    @property
    def numbers(self) -> list[int]:
        return [change.event.number for change in self.heard]


async def test_each_hears_all_once_and_in_order(
    pair: tuple[PostgresStore, PostgresStore],
) -> None:
    ears = [Ear(store) for store in pair]
    await asyncio.gather(*(store.execute(creating()) for store in pair for _ in range(50)))
    for ear in ears:
        await ear.until(100)
        assert ear.numbers == list(range(1, 101))
        assert [change.request.id for change in ear.heard if change.request] == ear.numbers


async def test_what_others_did_is_told_before_what_oneself_does(
    pair: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    monkeypatch.setattr(second._hearing, "_heard", lambda _number: None)
    ear = Ear(second)
    await first.execute(creating())
    await first.execute(creating())
    assert await second.execute(creating()) == 3
    # Before the answer, as what this server commits itself.
    assert ear.numbers == [1, 2, 3]


async def test_what_others_did_is_read_when_nobody_waits_for_it_any_more(
    pair: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    monkeypatch.setattr(second._hearing, "_heard", lambda _number: None)
    said: list[str] = []
    spoil(second, before=said.append)
    await first.execute(creating())
    await second.execute(creating())
    reads = [place for place, words in enumerate(said) if "FROM events" in words]
    assert len(reads) == 1
    assert reads[0] > said.index("COMMIT")


async def test_what_others_did_and_cannot_be_read_has_followers_start_over(
    pair: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    monkeypatch.setattr(second._hearing, "_heard", lambda _number: None)
    doubts: list[None] = []
    second.on_doubt(lambda: doubts.append(None))
    ear = Ear(second)

    def lost(statement: str) -> None:
        if "FROM events" in statement:
            raise DriverError("the line was cut")

    spoil(second, before=lost)
    await first.execute(creating())
    assert await second.execute(creating()) == 2
    assert doubts == [None]
    await first.execute(creating())
    assert await second.execute(creating()) == 4
    await ear.until(4)
    assert ear.numbers[-2:] == [3, 4]


async def test_what_a_command_breaks_is_told_before_the_commit(
    pair: tuple[PostgresStore, PostgresStore],
) -> None:
    first, _ = pair

    def twice(tx: Transaction, now: datetime) -> None:
        for number in (1, 2):
            tx.save_worker(make_worker(number, name="one-name"), EventKind.WORKER_REGISTERED)

    said: list[str] = []
    spoil(first, before=said.append)
    with pytest.raises(TransitionError):
        await first.execute(twice)
    assert "COMMIT" not in said
    assert await first.execute(creating()) == 1


async def test_tidings_that_are_lost_are_missed_for_a_moment_only(
    pair: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    monkeypatch.setattr(hearing, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(first._batcher, "_tell", "SELECT 1")
    ear = Ear(second)
    await first.execute(creating())
    await ear.until(1)


async def test_boards_come_change_and_go(pair: tuple[PostgresStore, PostgresStore]) -> None:
    first, second = pair
    ear = Ear(second)
    board = make_worker()

    def save(transaction: Transaction, _now: datetime) -> None:
        transaction.save_worker(board, EventKind.WORKER_REGISTERED)

    def remove(transaction: Transaction, _now: datetime) -> None:
        transaction.remove_worker(replace(board, revision=2), EventKind.WORKER_DEREGISTERED)

    await first.execute(save)
    await ear.until(1)
    await first.execute(remove)
    await ear.until(2)
    came, went = ear.heard
    assert came.worker == board
    assert went.event.kind is EventKind.WORKER_DEREGISTERED
    assert went.worker is not None
    assert went.worker.uuid == board.uuid


async def test_who_has_missed_too_much_starts_over(
    pair: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    monkeypatch.setattr(foreign, "MOST", 2)
    monkeypatch.setattr(second._hearing, "_heard", lambda _number: None)
    doubts: list[None] = []
    second.on_doubt(lambda: doubts.append(None))
    ear = Ear(second)
    for _ in range(3):
        await first.execute(creating())
    await second.execute(creating())
    assert doubts == [None]
    assert ear.numbers == [4]


async def test_a_step_of_the_farms_time_is_taken_everywhere(address: str) -> None:
    clocks = HandClock(), HandClock()
    stores = [PostgresStore(address, clock, FarmSettings()) for clock in clocks]
    for store, clock in zip(stores, clocks, strict=True):
        await store.start()
        store.on_step(clock.step)
    ear = Ear(stores[1])
    hour = timedelta(hours=1)
    await stores[0].execute(lambda tx, _now: tx.step_clock(hour, "boot 1", "set by hand"))
    await ear.until(1)
    assert abs(clocks[1].now() - clocks[0].now()) < timedelta(seconds=1)
    for store in stores:
        await store.close()


async def test_what_others_do_is_heard_while_somebody_writes(
    pair: tuple[PostgresStore, PostgresStore], address: str
) -> None:
    first, second = pair
    ear = Ear(second)
    await first.execute(creating())
    await ear.until(1)
    driver = connect(address)
    try:
        driver.begin()
        driver.fetch(second._statements.counters)
        await asyncio.wait_for(second.execute(look), 30)
        writing = asyncio.create_task(second.execute(creating()))
        await asyncio.wait((writing,), timeout=0.05)
        assert not writing.done()
    finally:
        driver.rollback()
        driver.close()
    assert await writing == 2


async def test_who_comes_while_another_server_writes_joins_the_batch(
    pair: tuple[PostgresStore, PostgresStore], address: str
) -> None:
    _, second = pair
    writer = second._writer
    assert isinstance(writer, BatchWriter)
    before = sum(second.written.commands.counts)
    driver = connect(address)
    try:
        driver.begin()
        driver.fetch(second._statements.counters)
        made = [asyncio.create_task(second.execute(creating()))]
        async with asyncio.timeout(30):
            while not writer._batch:  # noqa: ASYNC110 - a round of the loop begins it
                await asyncio.sleep(0)
            made += [asyncio.create_task(second.execute(creating())) for _ in range(5)]
            refused = asyncio.create_task(second.execute(refusing))
            while len(writer._arrived) < 6:  # noqa: ASYNC110 - a round of the loop brings them
                await asyncio.sleep(0)
    finally:
        driver.rollback()
        driver.close()
    assert await asyncio.gather(*made) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(TransitionError, match="no, thank you"):
        await refused
    # One batch of who came first, and of all who came while it had to wait.
    assert sum(second.written.commands.counts) == before + 1


def refusing(_transaction: Transaction, _now: datetime) -> None:
    raise TransitionError("no, thank you")
