"""The one bridge between blocking callers and the client."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

Result = TypeVar("Result")


class Bridge:
    """Run an event loop in a thread of its own while the ``with`` block lasts.

    What is entered through it keeps running between calls, so a lease is prolonged while the
    blocking caller does something else.
    """

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="boruta-client", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(_cancel_others())
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end and return its result; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @contextmanager
    def enter(self, manager: AbstractAsyncContextManager[Result]) -> Iterator[Result]:
        """Use an async context manager in a ``with`` statement.

        It is entered and left in one task, as timeouts and task groups inside it demand; an
        error of the block is raised inside of it.
        """
        held = self.run(_hold(manager))
        try:
            value = self.run(held.entered())
        except BaseException:
            self.run(held.abandon())
            raise
        try:
            yield value
        except Exception as error:
            if not self.run(held.leave(error)):
                raise
        except BaseException:
            # What ends the caller's thread must not end the loop's.
            self.run(held.abandon())
            raise
        else:
            self.run(held.leave(None))


class _Held(Generic[Result]):
    """An async context manager entered and left in one task."""

    def __init__(self, manager: AbstractAsyncContextManager[Result]) -> None:
        loop = asyncio.get_running_loop()
        self._entered: asyncio.Future[Result] = loop.create_future()
        self._leaving: asyncio.Future[Exception | None] = loop.create_future()
        self._task = loop.create_task(self._live(manager))

    async def _live(self, manager: AbstractAsyncContextManager[Result]) -> None:
        async with manager as value:
            self._entered.set_result(value)
            error = await self._leaving
            if error is not None:
                raise error

    async def entered(self) -> Result:
        """Return what entering gave, or raise what it raised."""
        await asyncio.wait((self._entered, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not self._entered.done():
            await self._task
        return self._entered.result()

    async def leave(self, error: Exception | None) -> bool:
        """Leave with the block's error; return whether the manager swallowed it."""
        self._leaving.set_result(error)
        try:
            await self._task
        except Exception as raised:
            if raised is not error:
                raise
            return False
        return True

    async def abandon(self) -> None:
        """Leave by cancelling, and wait until that is done."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _hold(manager: AbstractAsyncContextManager[Result]) -> _Held[Result]:
    return _Held(manager)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
