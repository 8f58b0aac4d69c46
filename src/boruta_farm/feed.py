"""The journal followed: the state at event number N, then every change after it, in order."""

import asyncio
from collections.abc import Callable
from itertools import chain
from typing import NoReturn, Protocol

from boruta_farm.model.events import Change, EventKind, stepped
from boruta_farm.store.base import Snapshot as Snapshot
from boruta_farm.store.base import Store


class Subscription:
    """Follow the committed changes from one event number on.

    ``next`` returns what has come since the last call, or None when the follower fell further
    behind than its bound or a COMMIT's outcome is unknown: then it must subscribe anew
    ("resync").
    """

    def __init__(self, feed: "Feed", bound: int, *, holding: bool) -> None:
        self.holding = holding
        self._feed = feed
        self._bound = bound
        self._batches: list[tuple[Change, ...]] = []
        self._count = 0
        self._arrived = asyncio.Event()
        self._behind = False
        self._after = 0
        self._fold: Callable[[tuple[Change, ...]], None] | None = None
        self._over: asyncio.Future[None] | None = None

    def put(self, changes: tuple[Change, ...]) -> None:
        """Take a committed batch; called by the feed, on the loop."""
        if self._behind or not changes:
            return
        if self._count + len(changes) > self._bound:
            self.lose()
            return
        self._batches.append(changes)
        self._count += len(changes)
        if self._fold is None:
            self._arrived.set()

    def lose(self) -> None:
        """Give up what was told so far: the follower must subscribe anew; called by the feed."""
        self._behind = True
        self._batches, self._count = [], 0
        self._arrived.set()
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def skip_to(self, number: int) -> None:
        """Drop changes up to ``number``: a snapshot already holds them."""
        self._after = max(self._after, number)

    async def next(self) -> tuple[Change, ...] | None:
        """Wait for changes and return them all, or None when the follower must start anew."""
        while True:
            await self._arrived.wait()
            if self._behind:
                return None
            self._arrived.clear()
            changes = self._newer(self._take())
            if changes:
                return changes

    async def hand_to(self, fold: Callable[[tuple[Change, ...]], None]) -> None:
        """Have ``fold`` called with what has come, then with every batch that comes.

        No task has to wake up for it, which matters where many follow. Returns when the follower
        must start anew; raises what ``fold`` raised.
        """
        if self._behind:
            return
        self._over = asyncio.get_running_loop().create_future()
        self._fold = fold
        try:
            self.pass_on()
            await self._over
        finally:
            self._fold = self._over = None
            if self._batches:
                self._arrived.set()

    @property
    def handed_over(self) -> bool:
        """Tell whether changes are to be passed on."""
        return self._fold is not None

    def pass_on(self) -> None:
        """Fold what has come, where somebody asked for that; called by the feed."""
        if self._fold is None or not self._batches:
            return
        changes = self._newer(self._take())
        if not changes:
            return
        try:
            self._fold(changes)
        except Exception as error:  # noqa: BLE001 - whoever handed it over ends with it
            self._behind = True
            if self._over is not None and not self._over.done():
                self._over.set_exception(error)

    def _take(self) -> tuple[Change, ...]:
        """Return what has come and forget it; one batch, as nearly always, is not copied."""
        batches, self._batches, self._count = self._batches, [], 0
        return batches[0] if len(batches) == 1 else tuple(chain.from_iterable(batches))

    def _newer(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return what no snapshot holds; numbers rise, so the first tells about all."""
        if not changes or changes[0].event.number > self._after:
            return changes
        return tuple(c for c in changes if c.event.number > self._after)

    def close(self) -> None:
        """Stop following."""
        self._feed.drop(self)


class Feed:
    """Hand every committed batch to every subscription, in the order in which they began."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subscriptions: dict[Subscription, None] = {}
        self._passing_on = False
        self.doubts = 0
        """How often it was not known what had been committed, and all had to be read anew."""
        store.listen(self._publish)
        store.on_doubt(self._lose_track)

    def _publish(self, changes: tuple[Change, ...]) -> None:
        # Found out once, however many ask: most that changes is filed requests.
        of_boards = tuple(c for c in changes if c.event.kind is not EventKind.REQUEST_CREATED)
        handed_over = False
        for subscription in tuple(self._subscriptions):
            subscription.put(of_boards if subscription.holding else changes)
            handed_over |= subscription.handed_over
        if stepped(changes):
            # The clock has moved already: ends must not be compared with it before they have.
            self._pass_on()
        elif handed_over and not self._passing_on:
            self._passing_on = True
            asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        self._passing_on = False
        for subscription in tuple(self._subscriptions):
            subscription.pass_on()

    def _lose_track(self) -> None:
        self.doubts += 1
        for subscription in tuple(self._subscriptions):
            subscription.lose()

    def subscribe(self, bound: int = 100_000) -> Subscription:
        """Follow from now on, without a snapshot."""
        return self._begin(bound, holding=False)

    def _begin(self, bound: int, *, holding: bool) -> Subscription:
        subscription = Subscription(self, bound, holding=holding)
        self._subscriptions[subscription] = None
        return subscription

    async def follow(
        self, bound: int = 100_000, *, holding: bool = False
    ) -> tuple[Snapshot, Subscription]:
        """Return the state at an event number and a subscription that goes on right after it.

        With ``holding`` the state has only the requests whose job occupies a worker, and the
        changes leave out that requests were filed, which occupy none yet.
        """
        subscription = self._begin(bound, holding=holding)
        try:
            snapshot = await self._store.snapshot(holding=holding)
        except BaseException:
            subscription.close()
            raise
        subscription.skip_to(snapshot.number)
        return snapshot, subscription

    def drop(self, subscription: Subscription) -> None:
        """Forget a subscription, harmless when it is forgotten already."""
        self._subscriptions.pop(subscription, None)


class Follower(Protocol):
    """Fold committed changes into a state of one's own; both calls must not block."""

    def begin(self, snapshot: Snapshot, doubts: int) -> None:
        """Start over from a snapshot of all workers and of the requests that hold one.

        It was read when there had been so many ``Feed.doubts``.
        """
        ...

    def fold(self, changes: tuple[Change, ...]) -> None:
        """Take the changes that follow."""
        ...


async def keep_following(feed: Feed, follower: Follower) -> NoReturn:
    """Keep a follower up to date until cancelled, from a new snapshot whenever it fell behind."""
    while True:
        doubts = feed.doubts
        snapshot, subscription = await feed.follow(holding=True)
        try:
            follower.begin(snapshot, doubts)
            # What it was begun with must not live as long as it is followed.
            del snapshot
            await subscription.hand_to(follower.fold)
        finally:
            subscription.close()
