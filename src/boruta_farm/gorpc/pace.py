"""Spread what arrives all at once, so that everybody else gets a turn in between."""

import asyncio
from collections.abc import Callable
from typing import Final

WATCHED: Final = 0.25
"""Seconds after somebody else was served for which others are reckoned with."""
STEP: Final = 0.001
"""Seconds between two begins at least, and how late the loop may be for the next one."""


def nobody_else() -> int:
    """Serve boards alone."""
    return 0


class Pace:
    """Let things begin one after the other, in the order in which they came.

    A farm of a thousand boards comes back from a power cut at once; each board costs the server's
    loop a few milliseconds, and without a pause a person's call would wait behind all of them. So
    while others are served, of which ``served`` keeps count, things begin ``seconds`` apart. Where
    nobody is, the next begins as soon as the loop is not late any more, which leaves room for who
    comes, but after ``seconds`` all the same.
    """

    def __init__(self, seconds: float, served: Callable[[], int] = nobody_else) -> None:
        self._seconds = seconds
        self._served = served
        self._seen = served()
        self._watched_until = 0.0
        self._free = 0.0
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Return when it is this caller's turn, at once while nothing else is going on."""
        async with self._line:
            loop = asyncio.get_running_loop()
            start = max(loop.time(), self._free)
            while (left := start - (now := loop.time())) > 0:
                if self._watched() or left <= STEP:
                    await asyncio.sleep(left)
                    break
                await asyncio.sleep(STEP)
                if loop.time() - now < 2 * STEP and not self._watched():
                    start = loop.time()
            # Counted from when it should have been, not from when a busy machine let it be.
            self._free = start + self._seconds

    def _watched(self) -> bool:
        """Tell whether somebody else was served a moment ago."""
        now, served = asyncio.get_running_loop().time(), self._served()
        if served != self._seen:
            self._seen, self._watched_until = served, now + WATCHED
        return now < self._watched_until
