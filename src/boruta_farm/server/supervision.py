"""Keep the server's long-running parts going, and notice when one stands still."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NoReturn

from boruta_farm.clock import Clock

logger = logging.getLogger(__name__)

RESTART_AFTER = timedelta(seconds=1)
HEARTBEAT = timedelta(seconds=1)
STANDSTILL = timedelta(seconds=10)


async def keep_running(name: str, part: Callable[[], Awaitable[None]]) -> NoReturn:
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
