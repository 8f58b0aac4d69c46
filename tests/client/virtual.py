"""An event loop whose time passes as fast as nothing happens."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


class _Selector(selectors.SelectSelector):
    """Instead of waiting for a timer, move the loop's time to it."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        assert timeout is not None, "everybody waits and no timer is set"
        self.passed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Start at time 0 and jump from timer to timer."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.passed


def run_virtually(work: Callable[[], Awaitable[Result]]) -> Result:
    """Run a coroutine function to its end in virtual time."""

    async def main() -> Result:
        return await work()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
