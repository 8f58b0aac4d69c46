"""Keep the server's long-running parts going, and notice when one stands still."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NoReturn

from boruta_farm.clock import Clock

logger = logging.getLogger(__name__)

Part = Callable[[], Awaitable[None]]
"""What runs as long as the server, or as long as it leads."""

RESTART_AFTER = timedelta(seconds=1)
HEARTBEAT = timedelta(seconds=1)
STANDSTILL = timedelta(seconds=10)


async def keep_running(name: str, part: Part) -> NoReturn:
    """Run a part for ever; one that fails is told in the log and starts over from the store.

    Followers keep nothing that the store does not hold, so starting over is always safe.
    """
    while True:
        try:
            await part()
            logger.error("%s ended by itself; it starts over", name)
        except Exception:
            logger.exception("%s failed; it starts over", name)
        await asyncio.sleep(RESTART_AFTER.total_seconds())


class Leadership:
    """Run parts while this server leads, and no longer.

    ``leads`` tells whether it does; whoever knows that this has changed says ``look``.
    """

    def __init__(self, leads: Callable[[], bool]) -> None:
        self._leads = leads
        self._changed = asyncio.Event()

    def look(self) -> None:
        """See whether this server leads."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def keep_running(self, name: str, part: Part) -> NoReturn:
        """Keep a part running whenever this server leads; it starts from the store each time."""
        while True:
            await self._until(leads=True)
            running = asyncio.create_task(keep_running(name, part))
            try:
                await self._until(leads=False)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    async def _until(self, *, leads: bool) -> None:
        while True:
            changed = self._changed
            if self._leads() == leads:
                return
            await changed.wait()


class LoopWatch:
    """Beat once a second on the event loop; a beat that fails to come means the loop hangs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()

    async def beat(self) -> NoReturn:
        """Beat until cancelled."""
        while True:
            self._last = self._clock.monotonic()
            await asyncio.sleep(HEARTBEAT.total_seconds())

    def alive(self) -> str | None:
        """Return None while the loop beats, else since when it does not."""
        silent = self._clock.monotonic() - self._last
        if silent < STANDSTILL.total_seconds():
            return None
        return f"the event loop stands still for {silent:.0f} s"
