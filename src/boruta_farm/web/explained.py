"""Explanations that are told again whenever they have changed."""

import asyncio

from boruta_farm.clock import Clock
from boruta_farm.contracts import Explanation, Requests
from boruta_farm.model.caller import Caller
from boruta_farm.web.answers import explained, told

LOOK_EVERY = 1.0
"""Seconds between two looks at the queue while it changes."""


class Explained:
    """Explain some requests on behalf of one reader, and remember what he was told."""

    def __init__(
        self, requests: Requests, clock: Clock, caller: Caller, ids: tuple[int, ...]
    ) -> None:
        self._requests = requests
        self._clock = clock
        self._caller = caller
        self._ids = ids
        self._told: dict[int, Explanation] = {}
        self.looked = 0.0

    def __bool__(self) -> bool:
        return bool(self._ids)

    async def look(self) -> dict[int, Explanation]:
        """Return every explanation as it is now. Raises RequestNotFoundError."""
        self.looked = asyncio.get_running_loop().time()
        return {number: await self._requests.explain(self._caller, number) for number in self._ids}

    async def changed(self) -> bytes:
        """Return the explanations that changed since they were last told, as messages.

        They bear no id: a reader that comes back is told anew.
        """
        found = await self.look()
        # What was found out is compared, not its words: midnight is no news.
        news = [one for number, one in found.items() if self._told.get(number) != one]
        self._told = found
        now = self._clock.now()
        return b"".join(
            b"event: request.explained\ndata: %s\n\n" % told(explained(one, now)) for one in news
        )
