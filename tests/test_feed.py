"""The journal followed: a state, then everything after it."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from pathlib import Path

import pytest

from boruta_farm.feed import Feed, Subscription, keep_following
from boruta_farm.model.errors import OutcomeUnknownError
from boruta_farm.model.events import Change
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker
from boruta_farm.store.base import Snapshot, Transaction
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.driver import DriverError
from boruta_farm.store.sqlite import SqliteStore
from tests.store.failing import failing, spoil
from tests.store.making import (
    HandClock,
    changing,
    creating,
    finishing,
    granting,
    make_worker,
    registering,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DatabaseStore]:
    store = SqliteStore(tmp_path / "farm.db", HandClock(), FarmSettings())
    await store.start()
    yield store
    await store.close()


class Fold:
    """Keep the unfinished requests and the workers as a follower sees them."""

    def __init__(self) -> None:
        self.requests: dict[int, Request] = {}
        self.workers: dict[str, Worker] = {}
        self.number = 0
        self.begun = 0

    def begin(self, snapshot: Snapshot, doubts: int) -> None:
        self.begun += 1
        self.requests = {request.id: request for request in snapshot.requests}
        self.workers = {worker.uuid: worker for worker in snapshot.workers}
        self.number = snapshot.number

    def fold(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            self.number += 1
            assert change.event.number == self.number, "no gap, no repetition"
            if change.request is not None:
                self.requests[change.request.id] = change.request
                if change.request.state.finished:
                    del self.requests[change.request.id]
            if change.worker is not None:
                self.workers[change.worker.uuid] = change.worker


async def test_a_snapshot_and_what_follows_make_the_state(store: DatabaseStore) -> None:
    feed = Feed(store)
    for number in range(1, 6):
        await store.execute(registering(make_worker(number)))

    async def caller(first: int) -> None:
        for _ in range(20):
            number = await store.execute(creating())
            await store.execute(changing(number, priority=1 + number % 16))
            if number % 3:
                await store.execute(finishing(number))

    callers = [asyncio.ensure_future(caller(n)) for n in range(8)]
    folds: list[Fold] = []
    subscriptions = []
    while not all(task.done() for task in callers):
        snapshot, subscription = await feed.follow()
        fold = Fold()
        fold.begin(snapshot, 0)
        folds.append(fold)
        subscriptions.append(subscription)
        await store.execute(changing_nothing)
    await asyncio.gather(*callers)
    await store.execute(registering(make_worker(9)))
    assert len(folds) > 3
    snapshot = await store.snapshot()
    final = Fold()
    final.begin(snapshot, 0)
    assert final.requests
    for fold, subscription in zip(folds, subscriptions, strict=True):
        while fold.number < snapshot.number:
            changes = await subscription.next()
            assert changes is not None
            fold.fold(changes)
        assert (fold.requests, fold.workers) == (final.requests, final.workers)


def changing_nothing(tx: Transaction, now: datetime) -> None:
    """Take a turn in the writer."""


async def test_a_snapshot_holds_jobs_and_only_what_is_unfinished(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    for _ in range(3):
        await store.execute(creating())
    job = await store.execute(granting(1, worker.uuid))
    await store.execute(finishing(2))
    snapshot = await store.snapshot()
    assert {request.id: request.job for request in snapshot.requests} == {1: job, 3: None}
    assert [request.id for request in snapshot.requests] == [1, 3], "it can be read twice"
    assert snapshot.number == await store.last_event() == 7
    assert [w.revision for w in snapshot.workers] == [2]
    held = await store.snapshot(holding=True)
    assert {request.id: request.job for request in held.requests} == {1: job}
    assert (held.number, held.workers) == (snapshot.number, snapshot.workers)


async def test_a_subscriber_far_behind_must_start_anew(store: DatabaseStore) -> None:
    feed = Feed(store)
    slow, quick = feed.subscribe(bound=2), feed.subscribe(bound=3)
    for _ in range(3):
        await store.execute(creating())
    assert await slow.next() is None
    assert await slow.next() is None
    changes = await quick.next()
    assert changes is not None
    assert [change.event.number for change in changes] == [1, 2, 3]


async def test_a_doubtful_commit_makes_every_follower_start_anew(store: DatabaseStore) -> None:
    feed = Feed(store)
    subscription = feed.subscribe()
    await store.execute(creating())
    spoil(store, after=failing("COMMIT", DriverError("the disk is gone")))
    with pytest.raises(OutcomeUnknownError):
        await store.execute(creating())
    assert await subscription.next() is None
    snapshot, subscription = await feed.follow()
    assert [request.id for request in snapshot.requests] == [1, 2]
    await store.execute(creating())
    changes = await subscription.next()
    assert changes is not None
    assert [change.event.number for change in changes] == [3]


async def test_what_a_follower_began_with_is_not_kept(store: DatabaseStore) -> None:
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    begun: list[weakref.ref[Iterable[Request]]] = []

    class Watched(Fold):
        def begin(self, snapshot: Snapshot, doubts: int) -> None:
            # The thread that read it may be the last to let go of it.
            begun.append(
                weakref.ref(
                    snapshot.requests, lambda _reference: loop.call_soon_threadsafe(gone.set)
                )
            )

    following = asyncio.ensure_future(keep_following(Feed(store), Watched()))
    try:
        async with asyncio.timeout(30):
            await gone.wait()
        assert len(begun) == 1
        assert not following.done()
    finally:
        following.cancel()


async def test_a_closed_subscription_hears_nothing(store: DatabaseStore) -> None:
    feed = Feed(store)
    subscription = feed.subscribe()
    subscription.close()
    subscription.close()
    await store.execute(creating())
    waiting = asyncio.ensure_future(subscription.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_failing_snapshot_leaves_no_subscription(store: DatabaseStore) -> None:
    feed = Feed(store)
    await store.close()
    with pytest.raises(Exception, match="closed"):
        await feed.follow()
    assert not feed._subscriptions


async def test_following_goes_on_through_doubt(store: DatabaseStore) -> None:
    class Told(Fold):
        def __init__(self) -> None:
            super().__init__()
            self.moved = asyncio.Event()

        def begin(self, snapshot: Snapshot, doubts: int) -> None:
            super().begin(snapshot, doubts)
            self.moved.set()

        def fold(self, changes: tuple[Change, ...]) -> None:
            super().fold(changes)
            self.moved.set()

        async def reach(self, number: int) -> None:
            while self.number < number:
                self.moved.clear()
                await self.moved.wait()

    told = Told()
    following = asyncio.ensure_future(keep_following(Feed(store), told))
    try:
        await told.moved.wait()
        await store.execute(registering(make_worker(1)))
        await told.reach(1)
        spoil(store, after=failing("COMMIT", DriverError("the disk is gone")))
        with pytest.raises(OutcomeUnknownError):
            await store.execute(registering(make_worker(2)))
        await told.reach(2)
        assert told.begun == 2
        await store.execute(registering(make_worker(3)))
        await told.reach(3)
        assert sorted(told.workers) == sorted(make_worker(n).uuid for n in (1, 2, 3))
    finally:
        following.cancel()


async def test_what_is_handed_over_comes_whole_and_once(store: DatabaseStore) -> None:
    feed = Feed(store)
    snapshot, subscription = await feed.follow()
    fold, reached = Fold(), asyncio.Event()
    fold.begin(snapshot, 0)
    await store.execute(creating())

    def take(changes: tuple[Change, ...]) -> None:
        fold.fold(changes)
        if fold.number == 3:
            reached.set()

    handed = asyncio.ensure_future(subscription.hand_to(take))
    await store.execute(creating())
    await store.execute(finishing(1))
    await reached.wait()
    assert list(fold.requests) == [2]
    subscription.lose()
    await handed
    await subscription.hand_to(take)


async def test_an_error_of_the_fold_ends_who_handed_it_over(store: DatabaseStore) -> None:
    class Failing(Fold):
        def fold(self, changes: tuple[Change, ...]) -> None:
            raise ValueError("a fault")

    feed, whole = Feed(store), Fold()
    _, subscription = await feed.follow()
    following = asyncio.ensure_future(keep_following(feed, Failing()))
    number = 0
    while not following.done():
        number += 1
        await store.execute(registering(make_worker(number)))
    with pytest.raises(ValueError, match="a fault"):
        await following
    assert list(feed._subscriptions) == [subscription]
    changes = await subscription.next()
    assert changes is not None
    whole.fold(changes)
    assert whole.number >= 1, "the others hear on"


async def test_who_follows_boards_is_not_told_what_was_filed(store: DatabaseStore) -> None:
    feed, worker = Feed(store), make_worker()
    _, boards = await feed.follow(holding=True)
    _, everything = await feed.follow()
    await store.execute(registering(worker))
    await store.execute(creating())
    await store.execute(granting(1, worker.uuid))
    await store.execute(finishing(1))

    async def told(subscription: Subscription, number: int) -> list[int]:
        """Return the numbers of all events up to this one."""
        numbers: list[int] = []
        while not numbers or numbers[-1] < number:
            changes = await subscription.next()
            assert changes is not None
            numbers += [change.event.number for change in changes]
        return numbers

    last = await store.last_event()
    assert await told(everything, last) == list(range(1, last + 1))
    assert await told(boards, last) == [1, *range(3, last + 1)], "the second event is the filing"
