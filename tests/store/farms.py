"""The kinds of stores that the one suite runs over."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from boruta_farm.clock import Clock
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.dialect import Dialect, PostgresDialect, SqliteDialect
from boruta_farm.store.driver import DatabaseDriver, Row, Value
from boruta_farm.store.postgres import PostgresStore
from boruta_farm.store.postgres_driver import connect as connect_postgres
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.store.sqlite_driver import SqliteDriver
from boruta_farm.store.sqlite_driver import connect as connect_sqlite


class Kind(Protocol):
    """Build stores over one database, and look into it past them."""

    threaded: bool

    def build(self, clock: Clock, settings: FarmSettings) -> DatabaseStore:
        """Return a store that is not started."""
        ...

    def driver(self) -> DatabaseDriver:
        """Return a connection of its own."""
        ...


class SqliteKind:
    """One file, with the writer's thread or without."""

    def __init__(self, path: Path, *, inline: bool) -> None:
        self.path = path
        self.threaded = not inline

    def build(self, clock: Clock, settings: FarmSettings) -> DatabaseStore:
        return SqliteStore(self.path, clock, settings, inline=not self.threaded)

    def driver(self) -> DatabaseDriver:
        return SqliteDriver(connect_sqlite(str(self.path)))


class PostgresKind:
    """One database on the tests' server, which several stores may share."""

    threaded = True

    def __init__(self, url: str) -> None:
        self.url = url

    def build(self, clock: Clock, settings: FarmSettings) -> DatabaseStore:
        return PostgresStore(self.url, clock, settings)

    def driver(self) -> DatabaseDriver:
        return connect_postgres(self.url)


class Farm:
    """Open stores over one database, close them, and look into it."""

    def __init__(self, kind: Kind, clock: Clock) -> None:
        self.kind = kind
        self.clock = clock
        self._opened: list[DatabaseStore] = []

    @property
    def threaded(self) -> bool:
        """Tell whether commands can come together in one batch."""
        return self.kind.threaded

    @property
    def dialect(self) -> Dialect:
        """Return how statements are spelt for the database."""
        return SqliteDialect() if isinstance(self.kind, SqliteKind) else PostgresDialect()

    async def open(self, settings: FarmSettings | None = None) -> DatabaseStore:
        """Return a started store."""
        store = self.kind.build(self.clock, settings or FarmSettings())
        self._opened.append(store)
        await store.start()
        return store

    async def reopen(self, settings: FarmSettings | None = None) -> DatabaseStore:
        """Close the store and open it again."""
        await self.close()
        return await self.open(settings)

    async def close(self) -> None:
        """Close what is open."""
        while self._opened:
            await self._opened.pop().close()

    def fetch(self, statement: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Ask the database past the store."""
        driver = self.kind.driver()
        try:
            return driver.fetch(statement, parameters)
        finally:
            driver.close()
