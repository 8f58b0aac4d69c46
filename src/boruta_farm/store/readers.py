"""Reads in threads, each with a connection of its own."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from boruta_farm.model.errors import UnavailableError
from boruta_farm.store.driver import DriverError
from boruta_farm.store.records import Records

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Readers:
    """Run reads in up to ``threads`` threads; ``open_records`` opens one thread's connection."""

    def __init__(self, open_records: Callable[[], Records], threads: int) -> None:
        self._open_records = open_records
        self._threads = ThreadPoolExecutor(threads, "store-reader")
        self._local = threading.local()
        self._opened: list[Records] = []

    async def read(self, read: Callable[[Records], Answer]) -> Answer:
        """Run a read; when its connection fails, once more on a new one.

        Raises UnavailableError when that fails too.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, read)

    def close(self) -> None:
        """Wait for what runs, then close the connections."""
        self._threads.shutdown(cancel_futures=True)
        for records in self._opened:
            _close(records)
        self._opened.clear()

    def _read(self, read: Callable[[Records], Answer]) -> Answer:
        try:
            records: Records | None = getattr(self._local, "records", None)
            if records is not None:
                try:
                    return read(records)
                except DriverError:
                    logger.warning("a read failed; trying a new connection", exc_info=True)
                    self._opened.remove(records)
                    self._local.records = None
                    _close(records)
            records = self._local.records = self._open_records()
            self._opened.append(records)
            return read(records)
        except DriverError as failure:
            raise explained(failure) from failure


def explained(failure: DriverError) -> UnavailableError:
    """Return a failed read in words for the caller."""
    return UnavailableError(f"the database cannot be read just now ({failure}); try again")


def _close(records: Records) -> None:
    try:
        records.driver.close()
    except DriverError:
        logger.warning("a database connection did not close cleanly", exc_info=True)
