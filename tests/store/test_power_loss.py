"""What was acknowledged survives a power cut at any moment."""

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from boruta_farm.model.errors import StorageFullError, StoreError, UnavailableError
from boruta_farm.model.events import Change
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import SessionKey, Worker
from boruta_farm.store.base import Decide
from boruta_farm.store.sqlite import SqliteStore
from tests.store.making import (
    HandClock,
    changing,
    creating,
    ending,
    granting,
    keeping,
    make_worker,
    registering,
)
from tests.store.power import ApswConnection, Disk

COMMANDS = 40
CUTS = 10
OPERATIONS = 4400
"""About as many writes and syncs as one life of the store makes."""


class Acknowledged:
    """Remember what the store told after its commits."""

    def __init__(self) -> None:
        self.requests: dict[int, Request] = {}
        self.workers: dict[str, Worker] = {}
        self.keys: dict[int, SessionKey] = {}
        self.number = 0

    def listen(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            self.number = change.event.number
            if change.request is not None:
                self.requests[change.request.id] = change.request
            if change.worker is not None:
                self.workers[change.worker.uuid] = change.worker


def life(chance: random.Random) -> Iterator[Decide[object]]:
    """Yield commands that use every table."""
    uuid = make_worker().uuid
    yield registering(make_worker())
    yield creating()
    for number in range(2, COMMANDS):
        yield creating(caps={"padding": "x" * chance.randrange(3000)})
        yield changing(number, priority=chance.randrange(1, 17))
        yield granting(number, uuid)
        yield keeping(SessionKey(worker=uuid, epoch=number, public="p", sealed=b"s" * 99))
        yield ending(number)


async def live(store: SqliteStore, chance: random.Random, known: Acknowledged) -> None:
    """Run commands until the power is cut."""
    await store.start()
    store.listen(known.listen)
    for command in life(chance):
        answer = await store.execute(command)
        if isinstance(answer, SessionKey):
            known.keys[answer.epoch] = answer


async def check(store: SqliteStore, known: Acknowledged) -> None:
    """Hold the restarted store to what was acknowledged before."""
    await store.start()
    driver = store._batcher.driver
    assert driver is not None
    assert driver.fetch("PRAGMA integrity_check") == [("ok",)]
    numbers = [event.number for event in await store.events(0, 10_000)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert known.number <= len(numbers) <= known.number + 2, "an acknowledged event is lost"
    for number, request in known.requests.items():
        stored = await store.get_request(number)
        assert stored is not None
        assert stored == request or stored.revision == request.revision + 1
    for uuid, worker in known.workers.items():
        kept = await store.get_worker(uuid)
        assert kept is not None
        assert kept == worker or kept.revision == worker.revision + 1
    for epoch, key in known.keys.items():
        assert await store.get_session_key(key.worker, epoch) == key
    counted = "SELECT state, id >> 10, COUNT(*) FROM requests GROUP BY 1, 2 ORDER BY 1, 2"
    tallies = "SELECT state, bucket, requests FROM tallies WHERE requests > 0 ORDER BY 1, 2"
    assert driver.fetch(tallies) == driver.fetch(counted)
    counted = "SELECT priority, id >> 11, COUNT(*) FROM requests GROUP BY 1, 2 ORDER BY 1, 2"
    tallies = (
        "SELECT priority, bucket, requests FROM priority_tallies WHERE requests > 0 ORDER BY 1, 2"
    )
    assert driver.fetch(tallies) == driver.fetch(counted)
    last = len(driver.fetch("SELECT id FROM requests"))
    assert await store.execute(creating()) == last + 1


def cut(seed: int, path: Path, synchronous: str) -> int:
    """Live, lose power, start again; return how many events were acknowledged before the cut."""
    chance = random.Random(seed)
    disk = Disk({}, lasts=chance.randrange(1, OPERATIONS))
    known = Acknowledged()

    def build(disk: Disk) -> SqliteStore:
        return SqliteStore(
            path,
            HandClock(),
            FarmSettings(),
            inline=True,
            connector=lambda name: ApswConnection(disk, name, synchronous),
        )

    async def both() -> None:
        store = build(disk)
        with suppress(UnavailableError, StoreError):
            await live(store, chance, known)
        await store.close()
        disk.unregister()
        survivors = Disk(disk.survivors(chance))
        store = build(survivors)
        try:
            await check(store, known)
        finally:
            await store.close()
            survivors.unregister()

    asyncio.run(both())
    return known.number


def lives_lost(seeds: range, path: Path, synchronous: str) -> int:
    """Return in how many lives something acknowledged was lost or the file was damaged."""
    lost = 0
    for seed in seeds:
        try:
            cut(seed, path, synchronous)
        except Exception:  # noqa: BLE001 - a damaged file can break anything
            lost += 1
    return lost


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the cut of every life out of the log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """``./run faults power`` cuts two hundred times."""
    first = random.SystemRandom().randrange(2**32)
    print(f"seeds {first} to {first + CUTS - 1}")
    told = [cut(seed, tmp_path / "farm.db", "FULL") for seed in range(first, first + CUTS)]
    assert max(told) > 20, "the cuts come late enough to matter"


@pytest.mark.prove
@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_the_test_notices_commits_that_are_not_durable(tmp_path: Path, synchronous: str) -> None:
    assert lives_lost(range(40), tmp_path / "farm.db", synchronous) > 12


async def test_a_disk_that_is_full_at_commit_keeps_nothing_half(tmp_path: Path) -> None:
    disk = Disk({})

    def build(disk: Disk) -> SqliteStore:
        return SqliteStore(
            tmp_path / "farm.db",
            HandClock(),
            FarmSettings(),
            inline=True,
            connector=lambda name: ApswConnection(disk, name, "FULL"),
        )

    store, known = build(disk), Acknowledged()
    await store.start()
    store.listen(known.listen)
    for left in range(0, 60, 4):
        await store.execute(creating(caps={"padding": "x" * 9000}))
        disk.room = left
        with suppress(StorageFullError):
            await store.execute(creating(caps={"padding": "x" * 9000}))
        disk.room = None
    assert 15 < known.number < 30, "some found room, some did not"
    survivors = Disk(disk.survivors(random.Random(1)))
    await store.close()
    again = build(survivors)
    await check(again, known)
    await again.close()
    for used in (disk, survivors):
        used.unregister()
