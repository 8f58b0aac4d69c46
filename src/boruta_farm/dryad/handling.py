"""Run a driver's operations: one at a time, within limits, with errors that say what failed."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from boruta_farm.model.errors import BoardError, BorutaError, KeyRefusedError, UnavailableError

logger = logging.getLogger(__name__)

THOROUGH: Final = 300.0
"""Seconds for cleaning and preparing, which may remove a large home."""

BRIEF: Final = 30.0
"""Seconds for everything else."""

FINISH_WITHIN: Final = 5.0
INTERRUPTED: Final = "the board is needed for something else; try again"
Result = TypeVar("Result")
Work = Callable[[], Coroutine[Any, Any, Result]]


async def handle(name: str, limit: float, work: Work[Result]) -> Result:
    """Do one operation of a driver. Raises BoardError, whatever the driver raised.

    KeyRefusedError, a kind of it, stays what it is: the board is sound.

    The work is begun here and not before, so that one which is called off leaves nothing behind.
    """
    try:
        async with asyncio.timeout(limit):
            return await work()
    except TimeoutError as error:
        raise BoardError(f"{name}: the board took longer than {limit:g} s") from error
    except KeyRefusedError:
        raise
    except BorutaError as error:
        # Only this kind tells the farm that the board itself failed, and only it has a name on
        # the other side of the link.
        raise BoardError(error.message) from error
    except Exception as error:
        # A fault in a driver must fail the board visibly instead of being tried for ever.
        logger.exception("the driver failed in %s", name)
        raise BoardError(f"{name}: {type(error).__name__}: {error}") from error


class BoardTurn:
    """Let one operation at a time at the board; urgent ones end a mere look at it.

    An operation goes on when the one who asked for it goes away: a lost connection must not
    leave a board half cleaned.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._look: asyncio.Task[Any] | None = None
        self._urgent = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def take(self, work: Work[Result]) -> Result:
        """Do what changes the board, as soon as the board is free."""
        self._urgent += 1
        if self._look is not None:
            self._look.cancel()
        return await self._outlive(self._start(self._locked(work)))

    async def look(self, work: Work[Result]) -> Result:
        """Do what only looks at the board. Raises UnavailableError when interrupted."""
        return await self._outlive(self._start(self._looking(work)))

    async def close(self) -> None:
        """Let what is under way finish for a moment, then cancel it, and wait for its end."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FINISH_WITHIN)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _outlive(self, task: asyncio.Task[Result]) -> Result:
        """Wait for a task, which goes on when the wait is called off; its error is told then."""
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_tell_failure)
            raise

    def _start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _locked(self, work: Work[Result]) -> Result:
        try:
            async with self._lock:
                return await work()
        finally:
            self._urgent -= 1

    async def _looking(self, work: Work[Result]) -> Result:
        async with self._lock:
            if self._urgent:
                raise UnavailableError(INTERRUPTED)
            look = self._start(work())
            self._look = look
            try:
                return await look
            except asyncio.CancelledError:
                raise UnavailableError(INTERRUPTED) from None
            finally:
                self._look = None


def _tell_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("an operation that nobody waits for any more failed: %s", error)
