"""Who of several servers on one PostgreSQL database leads: grants boards, and ends what is due."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping

from boruta_farm.store import durability
from boruta_farm.store.dialect import PostgresDialect
from boruta_farm.store.driver import DatabaseDriver, DriverError

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.5
"""Seconds between two looks at the connection that holds the lock, or may get it."""

STALE = 3.0
"""Seconds without a beat after which a leader is taken for asleep, and its lock from it."""

BEAT = """
INSERT INTO meta (name, value)
VALUES ('beat', (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint::text)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
SILENT = """
SELECT EXTRACT(EPOCH FROM clock_timestamp()) - value::bigint / 1000000.0 FROM meta
WHERE name = 'beat'
"""
"""Both by the database's clock, which all servers share."""

WAKE = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = 7175
  AND objid = (hashtext(current_schema())::bigint & 4294967295)::oid
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

COUNTER = "server"
"""The counter that bears the number of the server that leads."""

LOCK = "7175, hashtext(current_schema())"

SETTINGS = (
    # A beat that is lost with the database's machine is of no use afterwards.
    "SET synchronous_commit = off",
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)
"""A machine that lost its power gives the lock back within half a minute; a process at once."""


def server_name() -> str:
    """Return what this server is called in the database's list of connections."""
    return f"boruta {socket.gethostname()[:40]} {os.getpid()}"


class Tenure:
    """Strive for the lead: a lock for as long as its connection lives, and a number.

    The lock tells the dead from the living, and frees itself with its process. It could be lost
    without being noticed, so it does not guard the writes: every batch reads, with the counters
    that it locks, who leads. Who takes the lock writes a new number first, which waits for a
    batch under way, and ends what whoever led before may write. The leader beats, by the database's
    clock; one that is silent for ``STALE`` seconds sleeps with the lock in its hand (a paused
    process, a suspended machine): its connection is ended, and when it wakes it writes nothing as
    the leader.

    ``changed`` is called in this thread when this server has come to lead, or leads no more.
    """

    def __init__(
        self,
        open_driver: Callable[[], DatabaseDriver],
        changed: Callable[[], None] = lambda: None,
        hosts: int = 1,
    ) -> None:
        """Take ``hosts`` as the number of addresses at which the database may be."""
        self._open_driver = open_driver
        self._hosts = hosts
        self.commit = "on"
        """What the writer's commits wait for, as the database calls it."""
        self.at_risk: str | None = None
        """What a failover of the database would lose, as last seen."""
        self._changed = changed
        self._driver: DatabaseDriver | None = None
        self._number = 0
        self._leads = False
        self.servers = 1
        """How many servers use the database, this one included, as last seen."""
        self._trouble: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._main, name="store-tenure", daemon=True)

    def begin(self) -> None:
        """Lead at once if nobody does, and strive for it from now on; the schema must be there.

        Raises DriverError.
        """
        try:
            self._look()
        except BaseException:
            self._drop()
            raise
        self._thread.start()

    def close(self) -> None:
        """Give the lead up."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._leads = False
        self._drop()

    @property
    def leading(self) -> bool:
        """Tell whether this server leads, as far as it knows."""
        return self._leads

    def trouble(self) -> str | None:
        """Return why the database cannot be reached, None while it can."""
        return self._trouble

    def known(self) -> str | None:
        """Return the same: somebody else looks."""
        return self._trouble

    def refuses(self, counters: Mapping[str, int]) -> str | None:
        """Return None: every server may write what people and boards ask for."""
        return None

    def leads(self, counters: Mapping[str, int]) -> bool:
        """Tell whether a batch that has read these counters may write as the leader."""
        return self._leads and counters.get(COUNTER) == self._number

    def lasting(self, driver: DatabaseDriver) -> bool:
        """Return True: who leads was read in the batch's own transaction."""
        return True

    def _main(self) -> None:
        while not self._closing.wait(LOOK_EVERY):
            try:
                self._look()
                self._trouble = None
            except DriverError as failure:
                words = " ".join(f"the database is out of reach ({failure})".split())
                if self._trouble is None:
                    logger.error("%s", words)
                self._trouble = words
                self._drop()
                self._turn(leads=False)

    def _look(self) -> None:
        """See that the lead is still had, or try to have it."""
        if self._driver is None:
            self._driver = self._open_driver()
            for setting in SETTINGS:
                self._driver.fetch(setting)
        names = {name for (name,) in self._driver.fetch(PostgresDialect.servers)}
        self.servers = len(names | {server_name()})
        self._see_what_lasts(self._driver)
        if self._leads:
            if self._number_there() != self._number:
                # The lock was lost unnoticed, as with a database that was failed over.
                self._drop()
                self._turn(leads=False)
            else:
                self._driver.fetch(BEAT)
        elif self._driver.fetch(f"SELECT pg_try_advisory_lock({LOCK})")[0][0]:
            self._driver.fetch(BEAT)
            self._enter(self._driver)
            self._turn(leads=True)
        elif any(silent > STALE for (silent,) in self._driver.fetch(SILENT)):
            logger.warning("the server that leads is silent; it is taken for asleep")
            self._driver.fetch(WAKE)

    def _see_what_lasts(self, driver: DatabaseDriver) -> None:
        """Tell in the log when a failover would lose something, and when no more."""
        ((awaited, standbys),) = driver.fetch(durability.LOOK)
        at_risk = durability.Durability(
            commit=self.commit, awaited=awaited, standbys=standbys, hosts=self._hosts
        ).at_risk()
        if at_risk == self.at_risk:
            return
        if at_risk is None:
            logger.info("commits wait for the database's standby: a failover loses nothing")
        else:
            logger.warning("%s", at_risk)
        self.at_risk = at_risk

    def _turn(self, *, leads: bool) -> None:
        if self._leads == leads:
            return
        self._leads = leads
        if leads:
            logger.info("this server leads: it grants boards and ends what is due")
        else:
            logger.warning("this server leads no more; another one does, or will")
        self._changed()

    def _enter(self, driver: DatabaseDriver) -> None:
        """Write a number of our own, after the batch that is under way."""
        self._number = secrets.randbits(62)
        driver.begin()
        try:
            driver.fetch("SELECT name FROM counters ORDER BY name FOR UPDATE")
            driver.fetch(
                "INSERT INTO counters (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (COUNTER, self._number),
            )
            driver.commit()
        except DriverError:
            driver.rollback()
            raise

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
