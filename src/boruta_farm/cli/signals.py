"""Signals that end a run, turned into a cancellation that cleans up."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Remember the signal that ended the run.

    While ``interrupts_pass`` is set, SIGINT is not for us: the terminal sends it to every
    process of the foreground group, and the one in front deals with it.
    """

    def __init__(self) -> None:
        self.came: signal.Signals | None = None
        self.interrupts_pass = False
        self._interrupted: asyncio.Event | None = None
        self._task: asyncio.Task[int] | None = None

    @property
    def hung_up(self) -> bool:
        """Tell whether it was the end of the terminal that ended the run."""
        return self.came is signal.SIGHUP

    @contextmanager
    def interrupts(self) -> Iterator[asyncio.Event]:
        """Have Ctrl-C set an event in place of ending the run, for the block; the second one ends.

        For whoever asks at a terminal what is meant. The event may be cleared to ask again.
        """
        self._interrupted = asyncio.Event()
        try:
            yield self._interrupted
        finally:
            self._interrupted = None

    def interrupt(self) -> None:
        """Note that the run ends by Ctrl-C."""
        self.came = self.came or signal.SIGINT

    async def guard(self, work: Callable[[], Awaitable[int]]) -> int:
        """Return the status of ``work``, or 128 + n when signal n cancelled it.

        A second signal cancels again, what is then being cleaned up.
        """
        loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(_awaited(work))
        for number in ENDING:
            loop.add_signal_handler(number, self._take, number)
        try:
            return await self._task
        except asyncio.CancelledError:
            if self.came is None:
                raise
            return 128 + self.came
        finally:
            for number in ENDING:
                loop.remove_signal_handler(number)

    def _take(self, number: signal.Signals) -> None:
        if number is signal.SIGINT and self.interrupts_pass:
            return
        asked = self._interrupted
        if number is signal.SIGINT and asked is not None and not asked.is_set():
            asked.set()
            return
        self.came = self.came or number
        if self._task is not None:
            self._task.cancel()


async def _awaited(work: Callable[[], Awaitable[int]]) -> int:
    return await work()
