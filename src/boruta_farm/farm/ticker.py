"""The follower that watches the time: has done what falls due."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from boruta_farm.clock import Clock
from boruta_farm.core.deadlines import Deadlines, Due
from boruta_farm.feed import Feed
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.events import stepped
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.waiting import Waiting
from boruta_farm.store.base import Snapshot

CHUNK = 200
"""Records folded before other tasks get their turn."""

RETRY_SECONDS = 1.0
LONGEST_NAP_SECONDS = 60.0
PATIENCE = timedelta(seconds=30)

_log = logging.getLogger(__name__)


class Ticker:
    """Follow the feed and call ``act`` with what has fallen due, at most 256 at a time.

    ``act`` runs a command that checks every item again. An item that no change settles comes
    again after a second.
    """

    def __init__(
        self,
        feed: Feed,
        act: Callable[[tuple[Due, ...]], Awaitable[None]],
        settings: FarmSettings,
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._act = act
        self._settings = settings
        self._clock = clock
        self._deadlines: Deadlines | None = None
        self._changed = asyncio.Event()
        self._until: datetime | None = None
        self._started: datetime | None = None
        self._acting: datetime | None = None
        self._told: type[UnavailableError] | None = None

    async def tick(self) -> None:
        """Watch the time until cancelled; whatever fails unexpectedly ends it with that error."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tick())
                while True:
                    await self._follow()
        finally:
            self._deadlines = self._started = self._acting = None

    def alive(self, now: datetime) -> str | None:
        """Return None while time is watched, else what stands still and since when."""
        if self._started is None:
            return "the ticker does not run"
        if self._deadlines is None and now - self._started > PATIENCE:
            return f"deadlines are being read since {self._started:%H:%M:%S} UTC"
        if self._acting is not None and now - self._acting > PATIENCE:
            return f"what fell due is not acted on since {self._acting:%H:%M:%S} UTC"
        return None

    async def _follow(self) -> None:
        """Read all times and keep them current until they fall too far behind."""
        self._started = self._clock.now()
        try:
            snapshot, subscription = await self._feed.follow()
        except UnavailableError as fault:
            _log.warning("the deadlines cannot be read, trying again: %s", fault)
            await asyncio.sleep(RETRY_SECONDS)
            return
        try:
            self._deadlines = deadlines = await self._build(snapshot)
            # What it was built from must not live as long as it is followed.
            del snapshot
            self._changed.set()
            while (changes := await subscription.next()) is not None:
                for count, change in enumerate(changes, 1):
                    deadlines.fold(change)
                    if count % CHUNK == 0:
                        await asyncio.sleep(0)
                if stepped(changes):
                    return
                self._wake_earlier(deadlines)
            _log.warning("the ticker fell behind the feed and reads all times anew")
        finally:
            subscription.close()
            self._deadlines = None

    async def _build(self, snapshot: Snapshot) -> Deadlines:
        deadlines = Deadlines(self._settings)
        for count, request in enumerate(snapshot.brief(), 1):
            if isinstance(request, Waiting):
                deadlines.put_waiting(request)
            else:
                deadlines.put_request(request)
            if count % CHUNK == 0:
                await asyncio.sleep(0)
        for worker in snapshot.workers:
            deadlines.put_worker(worker)
        return deadlines

    async def _tick(self) -> None:
        while True:
            deadlines = self._deadlines
            items = () if deadlines is None else deadlines.due(self._clock.now())
            if items:
                await self._act_on(items)
            else:
                await self._rest(deadlines)

    async def _act_on(self, items: tuple[Due, ...]) -> None:
        self._acting = self._clock.now()
        try:
            await self._act(items)
            self._told = None
        except UnavailableError as fault:
            # Nothing is lost: the items are due again in a second.
            if self._told is not type(fault):
                _log.warning("%d due items could not be acted on: %s", len(items), fault)
            self._told = type(fault)
        finally:
            self._acting = None

    def _wake_earlier(self, deadlines: Deadlines) -> None:
        """End the rest if something falls due before it ends: most changes move no such time."""
        due = deadlines.next_due()
        if due is not None and (self._until is None or due < self._until):
            self._changed.set()

    async def _rest(self, deadlines: Deadlines | None) -> None:
        """Wait for a change, at most until the next item falls due."""
        self._changed.clear()
        nap = LONGEST_NAP_SECONDS
        now = self._clock.now()
        due = None if deadlines is None else deadlines.next_due()
        if due is not None:
            nap = min(nap, max(0.0, (due - now).total_seconds()))
        self._until = now + timedelta(seconds=nap)
        try:
            async with asyncio.timeout(nap):
                await self._changed.wait()
        except TimeoutError:
            return
