"""A thread that is there before it is needed."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class ReadyThread:
    """Run blocking work, one piece after the other, in one thread that has started already.

    Who has used up the machine's process ids (a fork bomb does) keeps new threads and processes
    from being made; ending him must need neither. Work goes on when its caller has given up.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool = self._make()

    def start(self) -> None:
        """Start the thread, unless it has started."""
        self._pool.submit(lambda: None).result()

    async def do(self, work: Callable[[], Result]) -> Result:
        """Do the work when all before it is done, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """End the thread once its work is done; whoever asks again gets another."""
        self._pool.shutdown(wait=False)
        self._pool = self._make()

    def _make(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix=self._name)
