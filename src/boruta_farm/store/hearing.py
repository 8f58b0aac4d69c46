"""Hear that another server has committed: told by the database, and looked for besides."""

import logging
import secrets
import threading
from collections.abc import Callable
from typing import Protocol

from boruta_farm.store.driver import DatabaseDriver, DriverError

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.5
"""Seconds after which the journal is looked at though nothing was told: tidings may be lost."""

CHANNEL = "boruta_commits"


class TidingsDriver(DatabaseDriver, Protocol):
    """A connection that waits for what others tell through the database."""

    def tidings(self, seconds: float) -> str | None:
        """Return the next text that was told, None after so many seconds without any."""
        ...


class Hearing:
    """Call ``heard`` with the newest event's number whenever another server may have committed.

    It is called in this thread. ``tell`` is the statement by which a transaction tells the others.
    """

    def __init__(
        self, open_driver: Callable[[], TidingsDriver], heard: Callable[[int], None]
    ) -> None:
        self._open_driver = open_driver
        self._heard = heard
        self._own = secrets.token_hex(8)
        self.tell = f"SELECT pg_notify('{CHANNEL}', '{self._own}')"
        self._deaf = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._main, name="store-hearing", daemon=True)

    def begin(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop, within ``LOOK_EVERY``."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _main(self) -> None:
        while not self._closing.is_set():
            try:
                self._listen()
            except DriverError as failure:
                # Tried again twice a second, and told once.
                level = logging.DEBUG if self._deaf else logging.WARNING
                logger.log(level, "what other servers commit cannot be heard: %s", failure)
                self._deaf = True
                self._closing.wait(LOOK_EVERY)

    def _listen(self) -> None:
        driver = self._open_driver()
        try:
            driver.fetch(f"LISTEN {CHANNEL}")
            while not self._closing.is_set():
                ((number,),) = driver.fetch("SELECT value FROM counters WHERE name = 'event'")
                self._deaf = False
                self._heard(int(number))
                # What this server has told itself it knows.
                while driver.tidings(LOOK_EVERY) == self._own and not self._closing.is_set():
                    pass
        finally:
            driver.close()
