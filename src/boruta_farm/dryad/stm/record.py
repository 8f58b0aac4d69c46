"""The record of the current: readings in the background, kept until the next record."""

import asyncio
import logging
from array import array
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from boruta_farm.dryad.stm.errors import ArgumentError, ControllerError
from boruta_farm.dryad.stm.values import checked

logger = logging.getLogger(__name__)

MOST_SAMPLES: Final = 100_000
"""Over a day at one a second. They are held in memory and travel in one reply."""

SHORTEST_PERIOD: Final = timedelta(milliseconds=3)
"""A reading takes over 2 ms on the serial line."""

FAILED: Final = -1


class CurrentRecord:
    """Take readings at a steady pace; a late one does not make the next ones hurry."""

    def __init__(self, read: Callable[[], Awaitable[int]]) -> None:
        self._read = read
        self._samples: array[int] | None = None
        self._stopping = asyncio.Event()
        self._recording: asyncio.Task[None] | None = None

    async def start(self, samples: int, length: timedelta) -> None:
        """Begin a record of ``samples`` readings, the last one after ``length``.

        Raises ``ArgumentError`` below 1 and above ``MOST_SAMPLES``, and when the readings would
        follow each other within ``SHORTEST_PERIOD``.
        """
        checked(samples, "the number of samples", 1, MOST_SAMPLES)
        period = length / samples
        if period < SHORTEST_PERIOD:
            raise ArgumentError(
                f"{samples} samples in {length.total_seconds():g} s are more than the board's "
                "controller can take: it needs 3 ms for each"
            )
        await self.stop()
        self._samples = taken = array("i")
        self._stopping = asyncio.Event()
        self._recording = asyncio.create_task(
            self._record(taken, samples, period.total_seconds(), self._stopping)
        )

    async def stop(self) -> None:
        """Stop after the reading that is under way; harmless when nothing runs."""
        self._stopping.set()
        recording, self._recording = self._recording, None
        if recording is not None:
            await recording

    def samples(self) -> tuple[int, ...]:
        """Return the samples so far; raise ``ControllerError`` before the first start."""
        if self._samples is None:
            raise ControllerError("no sample was recorded")
        return tuple(self._samples)

    async def _record(
        self, taken: "array[int]", samples: int, period: float, stopping: asyncio.Event
    ) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while len(taken) < samples:
            due = max(due + period, loop.time())
            try:
                async with asyncio.timeout_at(due):
                    await stopping.wait()
                return
            except TimeoutError:
                taken.append(await self._sample())

    async def _sample(self) -> int:
        try:
            return await self._read()
        except ControllerError as error:
            logger.debug("a reading of the current failed: %s", error)
            return FAILED
