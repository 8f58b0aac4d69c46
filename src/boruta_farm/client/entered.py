"""An async context manager that lives on between calls, in a task of its own."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Entered(Generic[Result]):
    """An async context manager entered and left in one task, as timeouts and groups inside demand.

    Made by ``entering``.
    """

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


async def entering(manager: AbstractAsyncContextManager[Result]) -> Entered[Result]:
    """Begin to enter a manager; for callers on another thread."""
    return Entered(manager)
