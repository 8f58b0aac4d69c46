"""What is kept for long is cut off by policy, a little at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NoReturn

from boruta_farm.model.errors import UnavailableError

CUT_EVERY_SECONDS = 3600.0
CUT_PAUSE_SECONDS = 0.1
"""Between two cuts: others want the writer too."""
LARGEST_NUMBER = 2**62
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

logger = logging.getLogger(__name__)


async def keep_cutting(what: str, cut: Callable[[], Awaitable[bool]]) -> NoReturn:
    """Cut off what is due now and every hour; ``cut`` takes some and tells whether there were any.

    Where the store takes nothing just now, the next hour is waited for.
    """
    while True:
        try:
            more = await cut()
        except UnavailableError as fault:
            logger.warning("%s could not be cut, trying again in an hour: %s", what, fault)
            more = False
        await asyncio.sleep(CUT_PAUSE_SECONDS if more else CUT_EVERY_SECONDS)
