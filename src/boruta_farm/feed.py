"""The journal followed: the state at event number N, then every change after it, in order."""

import asyncio
from collections import deque
from typing import NoReturn, Protocol

from boruta_farm.model.events import Change
from boruta_farm.store.base import Snapshot as Snapshot
from boruta_farm.store.base import Store


class Subscription:
    """Follow the committed changes from one event number on.

    ``next`` returns what has come since the last call, or None when the follower fell further
    behind than its bound or a COMMIT's outcome is unknown: then it must subscribe anew
    ("resync").
    """

    def __init__(self, feed: "Feed", bound: int) -> None:
        self._feed = feed
        self._bound = bound
        self._changes: deque[Change] = deque()
        self._arrived = asyncio.Event()
        self._behind = False
        self._after = 0

    def put(self, changes: tuple[Change, ...]) -> None:
        """Take a committed batch; called by the feed, on the loop."""
        if self._behind:
            return
        if len(self._changes) + len(changes) > self._bound:
            self.lose()
        else:
            self._changes.extend(changes)
            self._arrived.set()

    def lose(self) -> None:
        """Give up what was told so far: the follower must subscribe anew; called by the feed."""
        self._behind = True
        self._changes.clear()
        self._arrived.set()

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
            changes = tuple(c for c in self._changes if c.event.number > self._after)
            self._changes.clear()
            if changes:
                return changes

    def close(self) -> None:
        """Stop following."""
        self._feed.drop(self)


class Feed:
    """Hand every committed batch to every subscription, each with a bound of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subscriptions: set[Subscription] = set()
        store.listen(self._publish)
        store.on_doubt(self._lose_track)

    def _publish(self, changes: tuple[Change, ...]) -> None:
        for subscription in tuple(self._subscriptions):
            subscription.put(changes)

    def _lose_track(self) -> None:
        for subscription in tuple(self._subscriptions):
            subscription.lose()

    def subscribe(self, bound: int = 100_000) -> Subscription:
        """Follow from now on, without a snapshot."""
        subscription = Subscription(self, bound)
        self._subscriptions.add(subscription)
        return subscription

    async def follow(
        self, bound: int = 100_000, *, holding: bool = False
    ) -> tuple[Snapshot, Subscription]:
        """Return the state at an event number and a subscription that goes on right after it.

        With ``holding`` the state has only the requests whose job occupies a worker.
        """
        subscription = self.subscribe(bound)
        try:
            snapshot = await self._store.snapshot(holding=holding)
        except BaseException:
            subscription.close()
            raise
        subscription.skip_to(snapshot.number)
        return snapshot, subscription

    def drop(self, subscription: Subscription) -> None:
        """Forget a subscription, harmless when it is forgotten already."""
        self._subscriptions.discard(subscription)


class Follower(Protocol):
    """Fold committed changes into a state of one's own; both calls must not block."""

    def begin(self, snapshot: Snapshot) -> None:
        """Start over from a snapshot of all workers and of the requests that hold one."""
        ...

    def fold(self, changes: tuple[Change, ...]) -> None:
        """Take the changes that follow."""
        ...


async def keep_following(feed: Feed, follower: Follower) -> NoReturn:
    """Keep a follower up to date until cancelled, from a new snapshot whenever it fell behind."""
    while True:
        snapshot, subscription = await feed.follow(holding=True)
        try:
            follower.begin(snapshot)
            while (changes := await subscription.next()) is not None:
                follower.fold(changes)
        finally:
            subscription.close()
