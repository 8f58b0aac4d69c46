"""One server at a time on a PostgreSQL database, until several can share one."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping

from boruta_farm.model.errors import StoreError
from boruta_farm.store.driver import DatabaseDriver, DriverError

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at the connection that holds the lock."""

LOOK_AGAIN = 0.05
"""Seconds between two tries to take it from a server that is just going."""

PATIENCE = 3.0
"""Seconds that a server which starts waits for one that is just going: its end may be told late."""

COUNTER = "server"
"""The counter that bears the number of the server which may write."""

LOCK = "7175, hashtext(current_schema())"

HOLDER = """
SELECT coalesce(a.application_name, ''), coalesce(host(a.client_addr), ''),
       to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 7175
  AND l.objid = (hashtext(current_schema())::bigint & 4294967295)::oid
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

KEEPALIVE = (
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)
"""A machine that lost its power gives the lock back within half a minute; a process at once."""


def server_name() -> str:
    """Return what this server is called in the database's list of connections."""
    return f"boruta {socket.gethostname()[:40]} {os.getpid()}"


class Tenure:
    """Hold the database for this server: a lock for as long as its connection lives, and a number.

    The lock tells the dead from the living, and frees itself with its process. It could be lost
    without being noticed, so it does not guard the writes: every batch reads, with the counters
    that it locks, whose turn it is. Who takes the lock writes a new number first, which waits
    for a batch under way, and ends all later ones of whoever had it before.

    A lost connection stops the writing until the lock is had again. ``resumed`` is then called in
    this thread if another server was there in between, and what is remembered is out of date.
    """

    def __init__(
        self,
        open_driver: Callable[[str], DatabaseDriver],
        resumed: Callable[[], None] = lambda: None,
    ) -> None:
        self._open_driver = open_driver
        self._resumed = resumed
        self._driver: DatabaseDriver | None = None
        self._number = 0
        self._trouble: str | None = "this server does not hold the database yet"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._main, name="store-tenure", daemon=True)

    def take(self) -> None:
        """Take the database before anything is changed in it, from one that is just going too.

        Raises StoreError when another server keeps it, DriverError.
        """
        try:
            holder = self._try_lock(PATIENCE)
        except BaseException:
            self._drop()
            raise
        if holder is not None:
            self._drop()
            raise StoreError(
                f"another server uses this PostgreSQL database: {holder}; stop it, or name another "
                "database"
            )

    def begin(self) -> None:
        """Let this server write, and watch over the lock from now on; the schema must be there."""
        self._enter()
        self._thread.start()

    def close(self) -> None:
        """Give the database up."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._drop()

    def trouble(self) -> str | None:
        """Return why nothing may be written, None while this server holds the database."""
        return self._trouble

    def refuses(self, counters: Mapping[str, int]) -> str | None:
        """Return why a batch may not be written: the lock is lost, or another server has it."""
        if self._trouble is None and counters.get(COUNTER) != self._number:
            self._trouble = "another server has taken the database"
        return self._trouble

    def lasting(self, driver: DatabaseDriver) -> bool:
        """Return True: whose turn it is was read in the batch's own transaction."""
        return True

    def _main(self) -> None:
        while not self._closing.wait(LOOK_EVERY):
            try:
                self._look()
            except DriverError as failure:
                self._lose(f"the database is out of reach ({failure})")

    def _look(self) -> None:
        """See that the lock is still held, or try to have it again."""
        if self._driver is not None and self._trouble is None:
            self._driver.fetch("SELECT 1")
            return
        self._drop()
        holder = self._try_lock()
        if holder is not None:
            self._lose(f"another server has taken the database: {holder}")
            return
        others = self._number_there() != self._number
        if others:
            self._enter()
        self._trouble = None
        logger.warning("this server holds the database again")
        if others:
            self._resumed()

    def _lose(self, words: str) -> None:
        self._drop()
        words = " ".join(words.split())
        if self._trouble is None:
            logger.error("nothing is written any more: %s", words)
        self._trouble = words

    def _try_lock(self, patience: float = 0.0) -> str | None:
        """Take the lock within so many seconds; return who has it where that fails."""
        self._driver = self._open_driver(server_name())
        for setting in KEEPALIVE:
            self._driver.fetch(setting)
        until = time.monotonic() + patience
        while not self._driver.fetch(f"SELECT pg_try_advisory_lock({LOCK})")[0][0]:
            if time.monotonic() >= until or self._closing.wait(LOOK_AGAIN):
                return self._holder(self._driver)
        return None

    def _holder(self, driver: DatabaseDriver) -> str:
        for name, address, since in driver.fetch(HOLDER):
            _, host, pid = (*str(name).split(), "", "", "")[:3]
            place = host or address or "a host that it does not tell"
            return f"process {pid or '?'} on {place}, since {since} UTC"
        return "one that has just come or gone"

    def _enter(self) -> None:
        """Write a number of our own, after the batch that is under way."""
        assert self._driver is not None
        self._number = secrets.randbits(62)
        self._driver.begin()
        try:
            self._driver.fetch("SELECT name FROM counters ORDER BY name FOR UPDATE")
            self._driver.fetch(
                "INSERT INTO counters (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (COUNTER, self._number),
            )
            self._driver.commit()
        except DriverError:
            self._driver.rollback()
            raise
        self._trouble = None

    def _number_there(self) -> int:
        assert self._driver is not None
        rows = self._driver.fetch("SELECT value FROM counters WHERE name = ?", (COUNTER,))
        return int(rows[0][0]) if rows else 0

    def _drop(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            try:
                driver.close()
            except DriverError:
                logger.debug("the lost connection did not close cleanly", exc_info=True)
