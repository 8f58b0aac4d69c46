"""Threads that are there before they are needed."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

SHARED = 3
"""Threads for names that are resolved, and disks that are read."""


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


class ReadyLoop(asyncio.SelectorEventLoop):
    """Do what the loop does in threads, resolve names and read disks, in some that have started.

    So the agent looks after its board, and finds its server, while a fork bomb takes every process
    id. They are no executor of asyncio's: to end one of these takes a new thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads_ready = ThreadPoolExecutor(SHARED, thread_name_prefix="shared")
        # A thread is started only while none is idle: each waits here until all are there.
        together = threading.Barrier(SHARED)
        for started in [self._threads_ready.submit(together.wait) for _ in range(SHARED)]:
            started.result()

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Arguments], Result],
        *args: *Arguments,
    ) -> asyncio.Future[Result]:
        """Run blocking work, in a ready thread unless another executor is named."""
        return super().run_in_executor(executor or self._threads_ready, func, *args)

    def close(self) -> None:
        """Close the loop, and let the threads end with their work."""
        self._threads_ready.shutdown(wait=False)
        super().close()
