"""The farm in PostgreSQL: for several servers."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from boruta_farm.clock import Clock
from boruta_farm.model.errors import StoreError, UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.batch import Batcher, BatchOutcome
from boruta_farm.store.batch_writer import BatchWriter, die
from boruta_farm.store.committed import Committed
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.dialect import PostgresDialect
from boruta_farm.store.driver import DriverError
from boruta_farm.store.guard import NoGuard
from boruta_farm.store.postgres_driver import connect
from boruta_farm.store.readers import Readers
from boruta_farm.store.records import Records
from boruta_farm.store.statements import Statements
from boruta_farm.store.tenure import Tenure
from boruta_farm.store.upgrade import Backup, Upgrade

Answer = TypeVar("Answer")

READERS = 4


class PostgresStore(DatabaseStore):
    """Keep the farm's records in the database at ``url`` (``postgresql://...``).

    Every batch locks the counters first, so that the batches of several servers follow each
    other and the order of event numbers is the order of commits.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        settings: FarmSettings,
        *,
        on_death: Callable[[], None] = die,
        alone: bool = True,
    ) -> None:
        """Take ``alone`` as whether another server on the same database is refused."""
        super().__init__(Committed())
        self._url = url
        self._tenure = Tenure(lambda name: connect(url, name), self._start_over) if alone else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._statements = Statements(PostgresDialect())
        self._batcher = Batcher(
            lambda: connect(url),
            self._statements,
            clock,
            settings,
            self._committed,
            guard=self._tenure or NoGuard(),
        )
        self._writer = BatchWriter(
            self._batcher, self._followers, clock, self.written, on_death=on_death
        )
        self._readers: Readers | None = None

    async def start(self) -> None:
        """Open, back up and migrate, start the writer.

        Raises StoreError for a newer schema, and when another server uses the database.
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

    async def close(self) -> None:
        """Write what was accepted, then close."""
        await self._writer.close()
        readers, self._readers = self._readers, None
        if readers is not None:
            readers.close()
        if self._tenure is not None:
            self._tenure.close()

    def _give_up(self) -> None:
        self._batcher.close()
        if self._tenure is not None:
            self._tenure.close()

    def _start_over(self) -> None:
        """Have followers read anew what another server may have changed; called in a thread."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._followers.tell, BatchOutcome([], doubtful=True))
        except RuntimeError:
            # The loop was closed without closing the store: nobody follows any more.
            if not self._loop.is_closed():
                raise

    def _prepare(self) -> None:
        upgrade = Upgrade(
            where="the PostgreSQL database",
            dialect=self._statements.dialect,
            backup=self._back_up,
        )
        if self._tenure is not None:
            self._tenure.take()
        self._batcher.open()
        assert self._batcher.driver is not None
        self._farm_id = upgrade.apply(self._batcher.driver)
        if self._tenure is not None:
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
        return Records(connect(self._url), self._statements, self._committed)

    async def _near(self, read: Callable[[Records], Answer]) -> Answer:
        return await self._far(read)

    async def _far(self, read: Callable[[Records], Answer]) -> Answer:
        if self._readers is None:
            raise UnavailableError("the store is closed")
        return await self._readers.read(read)
