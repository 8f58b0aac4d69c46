"""The write-ahead log carried into the database, so that it cannot grow without bound."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from boruta_farm.store.driver import DatabaseDriver, DiskFullError, DriverError

logger = logging.getLogger(__name__)

SOFT_LIMIT = 4 * 1024 * 1024
HARD_LIMIT = 64 * 1024 * 1024
LOOK_EVERY = 1.0


class Checkpointer:
    """Checkpoint on a connection and in a thread of its own.

    Past the soft limit the log is carried over while the writer goes on. SQLite starts the log
    anew only when a write finds all of it carried over, which a busy writer never lets happen;
    so past the hard limit the writer waits for one checkpoint between two batches. While nothing
    is asked of it, ``look`` is called once a second.
    """

    def __init__(
        self,
        path: Path,
        open_driver: Callable[[], DatabaseDriver],
        look: Callable[[DatabaseDriver], None] = lambda _driver: None,
        *,
        soft_limit: int = SOFT_LIMIT,
        hard_limit: int = HARD_LIMIT,
    ) -> None:
        self._log = Path(f"{path}-wal")
        self._open_driver = open_driver
        self._look = look
        self._soft_limit = soft_limit
        self._hard_limit = hard_limit
        self._wanted = threading.Event()
        self._done = threading.Event()
        self._closing = False
        self._full = False
        self._thread = threading.Thread(target=self._main, name="store-checkpoints", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing = True
        self._wanted.set()
        self._thread.join()

    def after_batch(self) -> None:
        """Ask for a checkpoint when the log has grown; called by the writer between batches."""
        size = self.size()
        if size <= self._soft_limit:
            return
        self._done.clear()
        self._wanted.set()
        if size > self._hard_limit and self._thread.is_alive():
            self._done.wait()

    def size(self) -> int:
        """Return the log's length in bytes."""
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def _main(self) -> None:
        try:
            driver = self._open_driver()
            try:
                while not self._closing:
                    if not self._wanted.wait(LOOK_EVERY):
                        self._look(driver)
                        continue
                    self._wanted.clear()
                    self._checkpoint(driver)
                    self._done.set()
            finally:
                driver.close()
        except DriverError:
            logger.critical("checkpoints have ended; the log will grow", exc_info=True)
        finally:
            self._done.set()

    def _checkpoint(self, driver: DatabaseDriver) -> None:
        try:
            driver.fetch("PRAGMA wal_checkpoint(PASSIVE)")
            self._full = False
        except DiskFullError as failure:
            if not self._full:
                logger.error("the log cannot be carried over: %s", failure)
            self._full = True
        except DriverError:
            logger.error("a checkpoint failed; the next one carries on", exc_info=True)
