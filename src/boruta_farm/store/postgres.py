"""The farm in PostgreSQL: for several servers."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from boruta_farm.clock import Clock
from boruta_farm.model.errors import StoreError, UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.batch import Batcher, look
from boruta_farm.store.batch_writer import BatchWriter, die
from boruta_farm.store.committed import Committed
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.dialect import PostgresDialect
from boruta_farm.store.driver import DriverError
from boruta_farm.store.hearing import Hearing
from boruta_farm.store.postgres_driver import OPEN_BATCH, PostgresDriver, connect, hosts
from boruta_farm.store.readers import Readers
from boruta_farm.store.records import Records
from boruta_farm.store.statements import Statements
from boruta_farm.store.tenure import Tenure, server_name
from boruta_farm.store.upgrade import Backup, Upgrade

Answer = TypeVar("Answer")

READERS = 4

OUTDATED = (
    "a newer version of Boruta has changed the database so that this one cannot use it; update "
    "this server, and start it again"
)

logger = logging.getLogger(__name__)


class PostgresStore(DatabaseStore):
    """Keep the farm's records in the database at ``url`` (``postgresql://...``).

    Every batch locks the counters first, so that the batches of several servers follow each
    other and the order of event numbers is the order of commits. What others have committed is
    found in the same transaction and told before what the batch itself does; between batches, the
    database tells of it.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        settings: FarmSettings,
        *,
        on_death: Callable[[], None] = die,
    ) -> None:
        super().__init__(Committed())
        self._url = url
        self._statements = Statements(PostgresDialect())
        self._tenure = Tenure(self._open, self._turned, hosts=hosts(url))
        self._upgrade = Upgrade(
            where="the PostgreSQL database",
            dialect=self._statements.dialect,
            backup=self._back_up,
        )
        self._hearing = Hearing(self._open_hearing, self._heard)
        self._looking: asyncio.Task[None] | None = None
        self._answering: str | None = None
        self._hears = False
        self._unseen = False
        """Whether the journal must be looked at, whatever its number: the connections were lost."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._batcher = Batcher(
            self._open_writing,
            self._statements,
            clock,
            settings,
            self._committed,
            guard=self._tenure,
            tell=self._hearing.tell,
        )
        self._writer = BatchWriter(
            self._batcher, self._followers, clock, self.written, on_death=on_death
        )
        self._readers: Readers | None = None

    async def start(self) -> None:
        """Open, back up and migrate, start the writer, lead if nobody does.

        Raises StoreError for a newer schema.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(self._prepare)
        except DriverError as failure:
            self._give_up()
            raise StoreError(f"the PostgreSQL database cannot be used: {failure}") from failure
        except BaseException:
            self._give_up()
            raise
        self._readers = Readers(self._open_reading, READERS)
        await self._writer.start()
        self._hearing.begin()

    async def close(self) -> None:
        """Write what was accepted, then close."""
        await asyncio.to_thread(self._hearing.close)
        if self._looking is not None:
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._writer.close()
        readers, self._readers = self._readers, None
        if readers is not None:
            readers.close()
        await asyncio.to_thread(self._tenure.close)

    @property
    def leading(self) -> bool:
        """Tell whether this server leads, as far as it knows."""
        return self._tenure.leading

    @property
    def servers(self) -> int:
        """Return how many servers use the database, as last seen."""
        return self._tenure.servers

    def at_risk(self) -> str | None:
        """Return what a failover of the database would lose, None where nothing."""
        return self._tenure.at_risk

    def _open(self) -> PostgresDriver:
        """Open a connection that bears this server's name, once the schema is seen to.

        Raises DriverError, also where a newer version has changed the schema meanwhile.
        """
        driver = connect(self._url, server_name())
        try:
            if self._upgrade.still_good(driver):
                return driver
        except DriverError:
            driver.close()
            raise
        driver.close()
        raise DriverError(OUTDATED)

    def _open_hearing(self) -> PostgresDriver:
        """Open the connection that hears of commits; a new one may be to another database server.

        The journal there may be shorter than what this server knows, so its number says little.
        """
        driver = self._open()
        self._unseen, self._hears = self._hears, True
        return driver

    def _open_writing(self) -> PostgresDriver:
        """Open the writer's connection, which holds what all servers wait for."""
        # The first one bears no server's name: whoever changes the schema asks for those.
        driver = connect(self._url) if self._farm_id is None else self._open()
        driver.fetch(f"SET idle_in_transaction_session_timeout = '{OPEN_BATCH}'")
        (answering,) = driver.fetch("SELECT pg_postmaster_start_time()::text")[0]
        if self._answering is not None and answering != self._answering:
            logger.warning("another database server answers: what is known is read anew")
            self._batcher.anew = True
        self._answering = answering
        self._tenure.commit = str(driver.fetch("SHOW synchronous_commit")[0][0])
        return driver

    def _give_up(self) -> None:
        self._batcher.close()
        self._tenure.close()

    def _turned(self) -> None:
        """Pass on that this server leads, or leads no more; called in a thread."""
        self._call(self._followers.call, self._followers.lead_hooks)

    def _heard(self, number: int) -> None:
        """Pass on that somebody has committed up to an event; called in a thread."""
        self._call(self._take_up, number)

    def _take_up(self, number: int) -> None:
        """Have the writer find out what others have committed, unless it knows."""
        self._followers.call(self._followers.heard_hooks)
        known = self._batcher.told
        if (self._unseen or known is None or known < number) and self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            await self._writer.execute(look)
            self._unseen = False
        except UnavailableError as fault:
            logger.warning("what other servers have committed is not known yet: %s", fault)
        finally:
            self._looking = None

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # The loop was closed without closing the store: nobody follows any more.
            if not self._loop.is_closed():
                raise

    def _prepare(self) -> None:
        self._batcher.open()
        assert self._batcher.driver is not None
        self._farm_id = self._upgrade.apply(self._batcher.driver)
        self._batcher.driver.fetch(
            "SELECT set_config('application_name', ?, false)", (server_name(),)
        )
        self._batcher.told = Records(self._batcher.driver, self._statements).last_event()
        self._tenure.begin()

    def _back_up(self, found: int) -> Backup:
        """Copy all tables into a schema of their own."""
        name = f"boruta_backup_{found:04}"
        driver = connect(self._url)
        try:
            driver.begin()
            driver.fetch(f"DROP SCHEMA IF EXISTS {name} CASCADE")
            driver.fetch(f"CREATE SCHEMA {name}")
            for (table,) in driver.fetch(self._statements.dialect.tables):
                driver.fetch(f"CREATE TABLE {name}.{table} AS TABLE {table}")
            driver.commit()
        except DriverError as failure:
            raise StoreError(
                f"the backup before migrating failed ({failure}); allow the user to create"
                " schemas in the database, then start again"
            ) from failure
        finally:
            driver.close()
        return Backup(f"the backup is schema {name}", lambda: self._drop(name))

    def _drop(self, name: str) -> None:
        driver = connect(self._url)
        try:
            driver.fetch(f"DROP SCHEMA {name} CASCADE")
        finally:
            driver.close()

    def _open_reading(self) -> Records:
        return Records(self._open(), self._statements, self._committed)

    async def _near(self, read: Callable[[Records], Answer]) -> Answer:
        return await self._far(read)

    async def _far(self, read: Callable[[Records], Answer]) -> Answer:
        if self._readers is None:
            raise UnavailableError("the store is closed")
        return await self._readers.read(read)
