"""The files of an SQLite database, watched: they must stay those that were opened."""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from boruta_farm.store.driver import DatabaseDriver, DriverError

logger = logging.getLogger(__name__)


class OpenedFiles:
    """Notice that the database or its log was removed or replaced, and save what they hold.

    What is open lives on without a name, and would be lost with the process. So both names are
    compared with what was opened before a batch is acknowledged, and once a second in between.
    Then nothing is written any more. A removed log is carried into the database through the open
    handle, so that nothing acknowledged is lost; a removed database is copied to a file beside its
    former place. The server must be restarted.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._log = Path(f"{database}-wal")
        self._lock = threading.Lock()
        self._opened: dict[Path, tuple[int, int]] = {}
        self._trouble: str | None = None
        self._saved = False

    def begin(self) -> None:
        """Note what was opened."""
        self._opened = {
            path: found for path in (self._database, self._log) if (found := _identity(path))
        }
        self._trouble, self._saved = None, False

    def trouble(self) -> str | None:
        """Return why nothing may be written, None while the files are those that were opened."""
        return self._trouble or self._look()

    def known(self) -> str | None:
        """Return what was found when a batch was committed last, or in the second since."""
        return self._trouble

    def refuses(self, counters: Mapping[str, int]) -> str | None:
        """Return what is known: a batch is looked after when it is committed."""
        return self._trouble

    def leads(self, counters: Mapping[str, int]) -> bool:
        """Return True: a data folder has one server."""
        return True

    def lasting(self, driver: DatabaseDriver) -> bool:
        """Tell whether what was just committed lasts, after saving it where that is needed."""
        return self.trouble() is None or self.save(driver)

    def save(self, driver: DatabaseDriver) -> bool:
        """Save what the removed files hold, once; True where the database itself has all."""
        with self._lock:
            whole = self._database not in self._missing()
            if self._saved:
                return whole
            try:
                if whole:
                    ((busy, frames, carried),) = driver.fetch("PRAGMA wal_checkpoint(FULL)")
                    self._saved = not busy and frames == carried
                    told = f"all that was acknowledged was carried into {self._database}"
                else:
                    copy = self._database.with_name(f"{self._database.name}.saved-{os.getpid()}")
                    handle = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
                    os.close(handle)
                    driver.fetch("VACUUM INTO ?", (str(copy),))
                    self._saved = True
                    told = f"all that was acknowledged was saved as {copy}"
            except (DriverError, OSError) as failure:
                logger.critical("%s, and cannot be saved: %s", self._trouble, failure)
                return False
            if self._saved:
                self._trouble = f"{self._trouble}; {told}: restart the server"
                logger.critical("%s", self._trouble)
            return self._saved and whole

    def _missing(self) -> list[Path]:
        return [path for path, opened in self._opened.items() if _identity(path) != opened]

    def _look(self) -> str | None:
        if missing := self._missing():
            names = " and ".join(map(str, missing))
            self._trouble = f"{names} was removed or replaced while the server runs"
            logger.critical("%s; nothing is written any more", self._trouble)
        return self._trouble


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked before and after every batch
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
