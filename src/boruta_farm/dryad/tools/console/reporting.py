"""What consoles said in ended jobs, told to the farm until it has it or will not have it."""

import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from boruta_farm.dryad.tools.console.logs import LogFolder, StoredLog
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.errors import BorutaError, UnavailableError

logger = logging.getLogger(__name__)

Telling = Callable[[int, ConsoleChunk], Awaitable[bool]]
"""Tells a part of the log of an epoch; False where the farm is older than logs."""


async def report_logs(logs: LogFolder, tell: Telling) -> NoReturn:
    """Tell all logs that are there, the oldest first, and then each that comes.

    Raises UnavailableError when the farm cannot be reached: what it does not have stays.
    """
    while True:
        logs.changed.clear()
        for log in logs.pending():
            if await _report(log, tell):
                logs.remove(log)
        await logs.changed.wait()


async def _report(log: StoredLog, tell: Telling) -> bool:
    """Tell one log; False where the farm is older and may take it once it is updated."""
    try:
        for chunk in log.chunks():
            if not await tell(log.epoch, chunk):
                return False
    except UnavailableError:
        raise
    except (BorutaError, OSError) as error:
        logger.warning("epoch %d: the farm has no log of %s: %s", log.epoch, log.console, error)
    return True
