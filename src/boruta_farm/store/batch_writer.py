"""Commands run in batches, beside the event loop only where they wait for the disk."""

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from queue import SimpleQueue
from typing import TypeVar, cast

from boruta_farm.clock import Clock
from boruta_farm.model.errors import OverloadedError, UnavailableError
from boruta_farm.store.base import Decide, WriteFigures
from boruta_farm.store.batch import Answered, Batcher, BatchOutcome, Begun
from boruta_farm.store.writer import Followers

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

MAX_WAITING = 4096

THREAD_BATCH = 256
LOOP_BATCH = 64
"""Commands of one batch at most; on the loop they take a few milliseconds."""

QUIET_ROUNDS = 2
"""Rounds of the loop without a new command after which a batch begins.

What a batch costs whatever its size is worth several commands, so those that are on their way are
waited for; a round of a loop that has nothing else to do takes some 20 us. Who was alone in the
last batch, and is now, is not made to wait: others who come meanwhile join the next one.
"""

PATIENCE = 0.02
"""Seconds that a patient command waits at most for others to share their commit with."""

STANDSTILL = timedelta(seconds=10)
DIED = "the writer died; the process ends"
DEATH = 70
"""The exit status of a process whose writer died: an internal software error."""


def die() -> None:
    """End the process at once: without its writer it could only hang."""
    os._exit(DEATH)


@dataclass(slots=True)
class _Waiting:
    """Hold a command and the future that its caller awaits."""

    command: Decide[object]
    answer: "asyncio.Future[object]"


class BatchWriter:
    """Run whatever arrived since the last COMMIT as one batch, one batch at a time.

    Statements that take microseconds (``on_loop``: SQLite's) run on the event loop, and only
    COMMIT, which waits for the disk, in the thread: two threads that both want the interpreter
    at every statement cost a third more than one. Statements that cross a network, and batches
    that met a difficulty, run in the thread altogether.
    """

    def __init__(
        self,
        batcher: Batcher,
        followers: Followers,
        clock: Clock,
        written: WriteFigures | None = None,
        *,
        on_loop: bool = False,
        after_batch: Callable[[], None] = lambda: None,
        on_death: Callable[[], None] = die,
    ) -> None:
        self._batcher = batcher
        self._followers = followers
        self._clock = clock
        self._written = written or WriteFigures()
        self._on_loop = on_loop
        self._size = LOOP_BATCH if on_loop else THREAD_BATCH
        self._after_batch = after_batch
        self._on_death = on_death
        self._arrived: deque[_Waiting] = deque()
        self._patient: deque[_Waiting] = deque()
        self._hurry: asyncio.TimerHandle | None = None
        self._batch: list[_Waiting] = []
        self._busy = False
        self._alone = False
        self._moved = clock.now()
        self._began = 0.0
        self._open = False
        self._tasks: SimpleQueue[Callable[[], BatchOutcome] | None] = SimpleQueue()
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
        """Write what was accepted, then join the thread."""
        if self._open and self._ended is not None and self._thread is not None:
            self._open = False
            self._lose_patience()
            if not self._busy:
                self._tasks.put(None)
            await self._ended
            self._thread.join()

    async def execute(self, command: Decide[Answer], *, patient: bool = False) -> Answer:
        """Queue a command. Raises OverloadedError when too many wait.

        A ``patient`` one begins no batch for ``PATIENCE``: a commit of its own costs ten times as
        much as a place in another's. It is the last of its batch.
        """
        if not self._open:
            raise UnavailableError("the store is closed")
        if self._waiting >= MAX_WAITING:
            raise OverloadedError
        answer: asyncio.Future[object] = self._loop.create_future()
        if patient:
            self._patient.append(_Waiting(command, answer))
            if self._hurry is None:
                self._hurry = self._loop.call_later(PATIENCE, self._lose_patience)
        else:
            self._arrived.append(_Waiting(command, answer))
            self._wake_up()
        return cast("Answer", await answer)

    def _wake_up(self) -> None:
        if not self._busy:
            self._busy = True
            self._moved = self._clock.now()
            # Not at once: others that are ready now join the batch.
            self._loop.call_soon(self._gather)

    def _lose_patience(self) -> None:
        """Have what is left of the patient commands run as all others do."""
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
        if self._patient:
            self._arrived.extend(self._patient)
            self._patient.clear()
            self._wake_up()

    def alive(self, now: datetime) -> str | None:
        """Tell when commands wait and none was answered for 10 s."""
        if not self._busy or now - self._moved < STANDSTILL:
            return None
        words = f"the writer stands still since {self._moved:%H:%M:%S} UTC"
        return f"{words} ({self._waiting} waiting)"

    @property
    def _waiting(self) -> int:
        return len(self._arrived) + len(self._patient) + len(self._batch)

    def _gather(self, seen: int = 0, quiet: int = 0) -> None:
        """Begin a batch once it is full, or some rounds of the loop have brought nobody.

        ``seen`` had arrived a round ago, and that many ``quiet`` rounds have gone by.
        """
        arrived = len(self._arrived)
        if arrived > seen:
            quiet = 0
        rounds = 0 if self._alone and arrived == 1 else QUIET_ROUNDS
        if arrived >= self._size or quiet >= rounds:
            self._begin()
        else:
            self._loop.call_soon(self._gather, arrived, quiet + 1)

    def _begin(self) -> None:
        """Take what has arrived and run it as far as the loop may; the thread does the rest."""
        size = min(len(self._arrived), self._size)
        self._batch = [self._arrived.popleft() for _ in range(size)]
        self._alone = size == 1
        while self._patient and len(self._batch) < self._size:
            self._batch.append(self._patient.popleft())
        self._began = self._clock.monotonic()
        commands = [waiting.command for waiting in self._batch]
        begun: Begun | BatchOutcome | None = None
        if self._on_loop:
            try:
                begun = self._batcher.begin(commands)
            except BaseException:
                logger.critical(DIED, exc_info=True)
                self._on_death()
                return
        if begun is None:
            self._tasks.put(partial(self._batcher.execute, commands, self._late))
        elif isinstance(begun, BatchOutcome):
            self._deliver(begun)
        else:
            self._tasks.put(partial(self._batcher.commit, begun))

    def _late(self) -> list[Decide[object]]:
        """Take into the batch what has arrived since it began; called in the thread.

        Other servers over the same database may have been waited for.
        """
        size = min(len(self._arrived), self._size - len(self._batch))
        late = [self._arrived.popleft() for _ in range(size)]
        self._batch += late
        return [waiting.command for waiting in late]

    def _deliver(self, outcome: BatchOutcome) -> None:
        """Tell what was committed, answer, and go on with what has arrived meanwhile."""
        batch, self._batch = self._batch, []
        self._moved = self._clock.now()
        self._written.seconds.note(self._clock.monotonic() - self._began)
        self._written.commands.note(len(batch))
        self._followers.tell(outcome)
        for waiting, result in zip(batch, outcome.results, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(result, Answered):
                waiting.answer.set_result(result.value)
            else:
                waiting.answer.set_exception(result.error)
        if self._arrived:
            # Not at once: those who were answered go first, and come back while this is committed.
            self._loop.call_soon(self._gather)
            return
        self._busy = False
        if not self._open:
            self._tasks.put(None)

    def _main(self) -> None:
        try:
            while (task := self._tasks.get()) is not None:
                outcome = task()
                self._after_batch()
                self._wake(self._deliver, outcome)
            self._batcher.close()
            self._wake(self._end)
        except BaseException:
            logger.critical(DIED, exc_info=True)
            self._on_death()

    def _wake(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # The loop was closed without closing the store: nobody is left to be answered.
            if not self._loop.is_closed():
                raise

    def _end(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
