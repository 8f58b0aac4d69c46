"""How long something on a connection may take."""

import asyncio
from collections.abc import Callable


class Patience:
    """Act once something took too long.

    What is awaited changes with every call, and nearly always comes in time: so the timer is left
    running and looks, when it fires, whether it still has to wait.
    """

    __slots__ = ("_act", "_due", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
        self._loop = loop
        self._act = act
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def within(self, seconds: float) -> None:
        """Act after so many seconds, in place of what was awaited before."""
        due = self._due = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._fired)
        elif self._timer.when() > due:
            self._timer.cancel()
            self._timer = self._loop.call_at(due, self._fired)

    def rest(self) -> None:
        """Await nothing for now."""
        self._due = None

    def end(self) -> None:
        """Await nothing any more."""
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._fired)
            return
        self._due = None
        self._act()
