"""The journal and what is kept of it."""

from datetime import datetime, timedelta

from boruta_farm.model.settings import FarmSettings
from boruta_farm.store import flush
from boruta_farm.store.base import Transaction
from boruta_farm.store.flush import Flusher
from tests.store.farms import Farm
from tests.store.making import HOUR, HandClock, creating, finishing


async def test_numbers_rise_without_gaps_and_over_restarts(farm: Farm) -> None:
    store = await farm.open()
    assert await store.last_event() == 0
    for number in (1, 2):
        await store.execute(creating())
        await store.execute(finishing(number))
        store = await farm.reopen()
    assert [event.number for event in await store.events(0, 10)] == [1, 2, 3, 4]
    assert [event.number for event in await store.events(1, 2)] == [2, 3]
    assert await store.events(4, 10) == ()
    assert await store.last_event() == 4


async def test_the_journal_keeps_a_tail(farm: Farm) -> None:
    store = await farm.open()
    store._batcher._flusher = Flusher(FarmSettings(), events_kept=300)
    for _ in range(1000):
        await store.execute(creating())
    kept = [event.number for event in await store.events(0, 2000)]
    assert kept == list(range(kept[0], 1001))
    assert 300 <= len(kept) <= 300 + flush.PRUNE_EVENTS_EVERY


async def test_creations_are_pruned_little_by_little(farm: Farm, clock: HandClock) -> None:
    settings = FarmSettings(idempotency_kept=HOUR)
    store = await farm.open(settings)

    def remember(tx: Transaction, now: datetime) -> None:
        for number in range(3000):
            tx.remember_creation("ann", str(number), "hash", 1)

    await store.execute(remember)
    clock.advance(HOUR + timedelta(seconds=1))
    left = []
    for _ in range(4):
        await store.execute(creating())
        left += farm.fetch("SELECT COUNT(*) FROM creations")
    assert left == [(2000,), (1000,), (0,), (0,)]
