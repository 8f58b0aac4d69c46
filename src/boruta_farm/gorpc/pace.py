"""Spread what arrives all at once, so that everybody else gets a turn in between."""

import asyncio


class Pace:
    """Let things begin one after the other, ``seconds`` apart, in the order in which they came.

    A farm of a thousand boards comes back from a power cut at once; each board costs the server's
    loop a few milliseconds, and without a pause a person's call would wait behind all of them.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._free = 0.0

    async def turn(self) -> None:
        """Return when it is this caller's turn, at once while nothing else is going on."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._free)
        self._free = start + self._seconds
        if start > now:
            await asyncio.sleep(start - now)
