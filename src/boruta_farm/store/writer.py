"""Who runs the commands: a thread of its own, or the event loop itself under a virtual clock."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar, cast

from boruta_farm.clock import Clock
from boruta_farm.model.errors import OverloadedError, UnavailableError
from boruta_farm.store.base import Decide, Listener
from boruta_farm.store.batch import MAX_BATCH, Answered, Batcher, Outcome

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

MAX_WAITING = 4096
STANDSTILL = timedelta(seconds=10)
DEATH = 70
"""The exit status of a process whose writer died: an internal software error."""


def die() -> None:
    """End the process at once: without its writer it could only hang."""
    os._exit(DEATH)


class Followers:
    """Tell listeners what was committed, and hooks when that is in doubt."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.hooks: list[Callable[[], None]] = []

    def tell(self, outcome: Outcome) -> None:
        """Call everybody; one that fails does not keep the others from hearing."""
        if outcome.changes:
            for listener in tuple(self.listeners):
                try:
                    listener(outcome.changes)
                except Exception:
                    logger.exception("a follower failed; it has missed changes")
        if outcome.doubtful:
            for hook in tuple(self.hooks):
                try:
                    hook()
                except Exception:
                    logger.exception("a follower failed to start anew")


class Writer(Protocol):
    """Accept commands, run them in order, answer after COMMIT."""

    async def start(self) -> None:
        """Open the database and begin."""
        ...

    async def close(self) -> None:
        """Write what was accepted, then end."""
        ...

    async def run(self, command: Decide[Answer]) -> Answer:
        """Run a command and return its answer after COMMIT."""
        ...

    def alive(self, now: datetime) -> str | None:
        """Return None while commands move on, else words."""
        ...


class InlineWriter:
    """Run each command at once on the loop, so that time can be virtual."""

    def __init__(self, batcher: Batcher, followers: Followers) -> None:
        self._batcher = batcher
        self._followers = followers
        self._open = False

    async def start(self) -> None:
        """Open the database."""
        self._batcher.open()
        self._open = True

    async def close(self) -> None:
        """Close the database."""
        self._open = False
        self._batcher.close()

    async def run(self, command: Decide[Answer]) -> Answer:
        """Run a command in a transaction of its own, then let others have the loop."""
        if not self._open:
            raise UnavailableError("the store is closed")
        outcome = self._batcher.run([command])
        self._followers.tell(outcome)
        await asyncio.sleep(0)
        result = outcome.results[0]
        if isinstance(result, Answered):
            return cast("Answer", result.value)
        raise result.error

    def alive(self, now: datetime) -> str | None:
        """Return None: nothing ever waits."""
        return None


@dataclass(slots=True)
class _Waiting:
    """Hold a command and the future that its caller awaits."""

    command: Decide[object]
    answer: "asyncio.Future[object]"


class ThreadWriter:
    """Run whatever arrived since the last commit, in one thread, and wake the loop once a batch."""

    def __init__(
        self,
        batcher: Batcher,
        followers: Followers,
        clock: Clock,
        *,
        after_batch: Callable[[], None] | None = None,
        on_death: Callable[[], None] = die,
    ) -> None:
        self._batcher = batcher
        self._followers = followers
        self._clock = clock
        self._after_batch = after_batch
        self._on_death = on_death
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._waiting = 0
        self._moved = clock.now()
        self._open = False
        self._ended: asyncio.Future[None] | None = None
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, name="store-writer", daemon=True)
        self._open = True
        self._thread.start()

    async def close(self) -> None:
        """Let the thread finish what it has, then join it."""
        if self._open and self._ended is not None and self._thread is not None:
            self._open = False
            self._queue.put(None)
            await self._ended
            self._thread.join()

    async def run(self, command: Decide[Answer]) -> Answer:
        """Queue a command. Raises OverloadedError when too many wait."""
        if not self._open:
            raise UnavailableError("the store is closed")
        if self._waiting >= MAX_WAITING:
            raise OverloadedError
        if self._waiting == 0:
            self._moved = self._clock.now()
        self._waiting += 1
        answer: asyncio.Future[object] = self._loop.create_future()
        self._queue.put(_Waiting(command, answer))
        return cast("Answer", await answer)

    def alive(self, now: datetime) -> str | None:
        """Tell when commands wait and none was answered for 10 s."""
        if self._waiting == 0 or now - self._moved < STANDSTILL:
            return None
        return f"the writer stands still since {self._moved:%H:%M:%S} UTC ({self._waiting} waiting)"

    def _main(self) -> None:
        try:
            while self._step():
                pass
            self._batcher.close()
            self._wake(self._end)
        except BaseException:
            logger.critical("the writer died; the process ends", exc_info=True)
            self._on_death()

    def _step(self) -> bool:
        """Take what has arrived, run it, and tell whether to go on."""
        going_on = True
        batch: list[_Waiting] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == MAX_BATCH:
                break
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
        else:
            going_on = False
        if batch:
            outcome = self._batcher.run([waiting.command for waiting in batch])
            self._wake(self._deliver, batch, outcome)
            if self._after_batch is not None:
                self._after_batch()
        return going_on

    def _wake(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # The loop was closed without closing the store: nobody is left to be answered.
            if not self._loop.is_closed():
                raise

    def _deliver(self, batch: list[_Waiting], outcome: Outcome) -> None:
        self._waiting -= len(batch)
        self._moved = self._clock.now()
        self._followers.tell(outcome)
        for waiting, result in zip(batch, outcome.results, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(result, Answered):
                waiting.answer.set_result(result.value)
            else:
                waiting.answer.set_exception(result.error)

    def _end(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
