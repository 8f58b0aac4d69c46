"""Do something at a moment that may move, by a clock that also runs while the machine sleeps."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from boruta_farm.clock import Clock
from boruta_farm.model.errors import BoardError

logger = logging.getLogger(__name__)

LOOK_AGAIN: Final = 5.0
"""Seconds: timers of the event loop stand still while the machine sleeps, the clock does not."""

FIRST_RETRY: Final = 1.0
LONGEST_RETRY: Final = 60.0


class Alarm:
    """Call ``ring`` when the moment told by ``due`` has come, and again while it fails.

    ``due`` returns seconds of ``clock.monotonic``, None for never; it is asked again after every
    ``look``. A ring that fails with BoardError is repeated after 1 s, then less and less often,
    for as long as ``due`` says that there is something to do.
    """

    def __init__(
        self,
        clock: Clock,
        due: Callable[[], float | None],
        ring: Callable[[], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._due = due
        self._ring = ring
        self._news = asyncio.Event()

    def look(self) -> None:
        """Note that the moment may have moved."""
        self._news.set()

    async def ring_in_time(self) -> NoReturn:
        """Wait and ring, until cancelled."""
        failures = 0
        while True:
            self._news.clear()
            moment = self._due()
            if moment is None:
                failures = 0
                await self._news.wait()
            elif (left := moment - self._clock.monotonic()) > 0:
                await self._wait(min(left, LOOK_AGAIN))
            else:
                try:
                    await self._ring()
                    failures = 0
                except BoardError as error:
                    logger.error("the session could not be ended: %s", error.message)
                    self._news.clear()
                    await self._wait(min(FIRST_RETRY * 2.0 ** min(failures, 16), LONGEST_RETRY))
                    failures += 1

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
