"""Subscriptions to agents coming and going."""

import asyncio


class LinkWatch:
    """Tell which boards' connections changed; a board that changed twice is told once.

    So the memory of a slow subscriber is bounded by the number of boards.
    """

    def __init__(self, watches: "set[LinkWatch]") -> None:
        self._watches = watches
        self._changed: dict[str, None] = {}
        self._news = asyncio.Event()
        watches.add(self)

    async def next(self) -> str:
        """Return the UUID of the board whose connection changed longest ago."""
        while not self._changed:
            self._news.clear()
            await self._news.wait()
        uuid = next(iter(self._changed))
        del self._changed[uuid]
        return uuid

    def close(self) -> None:
        """End the subscription."""
        self._watches.discard(self)

    def tell(self, uuid: str) -> None:
        """Note that a board's connection changed."""
        self._changed[uuid] = None
        self._news.set()
