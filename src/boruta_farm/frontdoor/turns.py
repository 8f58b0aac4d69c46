"""How much the door does at once for one guest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

AT_ONCE: Final = 4


class Turns:
    """Let each guest have so much done at once; what he asks for beyond that waits in its order.

    The door is one thread: whoever asks for hundreds of things in the same moment would otherwise
    have everybody who signs in wait behind all of them, a step at a time.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._places: dict[str, asyncio.Semaphore] = {}
        self._askers: dict[str, int] = {}

    @asynccontextmanager
    async def of(self, who: str) -> AsyncIterator[None]:
        """Have a turn of a guest's for the block, once one is free."""
        place = self._places.setdefault(who, asyncio.Semaphore(self._at_once))
        self._askers[who] = self._askers.get(who, 0) + 1
        try:
            async with place:
                yield
        finally:
            self._askers[who] -= 1
            if not self._askers[who]:
                del self._askers[who], self._places[who]
