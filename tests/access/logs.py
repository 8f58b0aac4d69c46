"""Wait for a line of the log."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

WITHIN = 60.0


class Waiting(logging.Handler):
    """Set an event when a line holds some words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.told = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.told.set()


@asynccontextmanager
async def logged(words: str) -> AsyncIterator[None]:
    """Wait, at the end of the block, until a line with these words was logged in it."""
    handler = Waiting(words)
    logger = logging.getLogger("boruta_farm.access")
    logger.addHandler(handler)
    try:
        yield
        async with asyncio.timeout(WITHIN):
            await handler.told.wait()
    finally:
        logger.removeHandler(handler)
