"""The schema at start: made in a new database, migrated in an old one, refused in a newer one."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from boruta_farm.model.errors import StoreError
from boruta_farm.store.dialect import Dialect
from boruta_farm.store.driver import DatabaseDriver, DriverError
from boruta_farm.store.migrations import FIRST, SCHEMA, step_to
from boruta_farm.store.migrations.step import Step
from boruta_farm.store.schema import COUNTER_NAMES, ddl

logger = logging.getLogger(__name__)

VERSIONS = {
    "schema_version": "SELECT version, oldest FROM schema_version",
    "alembic_version": "SELECT version_num, version_num FROM alembic_version",
}
"""Where the schema's number stands: today, and in the first schema."""

OURS = frozenset({"counters", "jobs", "meta", "requests", "workers"})
"""Tables that every schema has: without them a database is something else's."""


class SchemaVersion(NamedTuple):
    """Tell a database's schema, and the oldest that a server may have to work with it."""

    number: int
    oldest: int


@dataclass(frozen=True, slots=True)
class Backup:
    """Tell people where a copy is; ``discard`` removes it when it turns out to be needless."""

    words: str
    discard: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Bring one database to the schema ``wanted``.

    ``where`` names the database for people, ``backup`` copies it before a migration. ``step_to``
    returns the step that leads to a schema.
    """

    where: str
    dialect: Dialect
    backup: Callable[[int], Backup]
    wanted: int = SCHEMA
    step_to: Callable[[int], Step] = step_to

    def apply(self, driver: DatabaseDriver) -> str:
        """Make, check or migrate the schema; return the farm's id.

        Raises StoreError when the database is newer, not ours, damaged, or cannot be migrated:
        it is then as it was, and no backup is left behind.
        """
        if not self._good(self._found(driver)):
            driver.fetch(self.dialect.hold)
            try:
                # Another server may have done it meanwhile.
                found = self._found(driver)
                if found is None:
                    self._create(driver)
                elif not self._good(found):
                    self._migrate(driver, found.number)
            finally:
                driver.fetch(self.dialect.release)
        for (farm_id,) in driver.fetch("SELECT value FROM meta WHERE name = 'farm_id'"):
            return str(farm_id)
        raise self._damaged("its table meta does not tell the farm's id")

    def still_good(self, driver: DatabaseDriver) -> bool:
        """Tell whether this server can go on, on a connection that it has just opened.

        Others may have changed the schema meanwhile; one who does keeps this waiting.
        """
        ((oldest, _),) = driver.fetch(
            "SELECT max(oldest), (SELECT count(*) FROM counters) FROM schema_version"
        )
        return int(oldest) <= self.wanted

    def _good(self, found: SchemaVersion | None) -> bool:
        """Tell whether this server can work with a database as it is."""
        return found is not None and found.oldest <= self.wanted <= found.number

    def _found(self, driver: DatabaseDriver) -> SchemaVersion | None:
        """Return a database's schema, None for an empty one. Raises StoreError."""
        tables = {str(name) for (name,) in driver.fetch(self.dialect.tables)}
        if not tables:
            return None
        table = next((name for name in VERSIONS if name in tables), None)
        if table is None or not tables >= OURS:
            raise StoreError(
                f"{self.where} holds tables of something else ({', '.join(sorted(tables)[:3])});"
                " name an empty database or Boruta's own"
            )
        rows = driver.fetch(VERSIONS[table])
        if len(rows) != 1:
            told = ", ".join(sorted(str(number) for number, _ in rows)) or "none"
            raise self._damaged(f"its table {table} must tell one schema, and tells {told}")
        ((number, oldest),) = rows
        if not str(number).isdecimal():
            raise self._damaged(f"its table {table} tells the schema {number!r}, which is none")
        version = SchemaVersion(int(number), int(oldest))
        if version.number < FIRST:
            raise StoreError(
                f"{self.where} has schema {number}, older than {FIRST}, from which this server can"
                " migrate; start an older version of Boruta first, or restore a backup"
            )
        if version.number > self.wanted and not self._good(version):
            raise StoreError(
                f"{self.where} has schema {number}, newer than this server's {self.wanted};"
                " start the newer version of Boruta, or restore the backup made before it"
            )
        return version

    def _damaged(self, words: str) -> StoreError:
        return StoreError(f"{self.where} is damaged: {words}; restore a backup")

    def _create(self, driver: DatabaseDriver) -> None:
        driver.begin()
        try:
            for statement in ddl(self.dialect):
                driver.fetch(statement)
            for name in COUNTER_NAMES:
                driver.fetch("INSERT INTO counters (name, value) VALUES (?, 0)", (name,))
            farm_id = str(uuid.uuid4())
            driver.fetch("INSERT INTO meta (name, value) VALUES ('farm_id', ?)", (farm_id,))
            self._stamp(driver, SchemaVersion(self.wanted, self.wanted))
            driver.commit()
        except BaseException:
            driver.rollback()
            raise

    def _migrate(self, driver: DatabaseDriver, found: int) -> None:
        steps = [self.step_to(number) for number in range(found + 1, self.wanted + 1)]
        oldest = self.wanted - 1 if steps[-1].beside else self.wanted
        backup = self.backup(found)
        logger.warning(
            "migrating %s from schema %s to %s; %s", self.where, found, self.wanted, backup.words
        )
        try:
            driver.begin()
            driver.fetch(self.dialect.seize)
            if found < oldest:
                self._refuse_beside(driver, found)
            for step in steps:
                for statement in step.statements(self.dialect):
                    driver.fetch(statement)
            self._stamp(driver, SchemaVersion(self.wanted, oldest))
            driver.commit()
        except BaseException as fault:
            driver.rollback()
            backup.discard()
            if isinstance(fault, DriverError):
                why = str(fault).partition("\n")[0]
                raise StoreError(
                    f"{self.where} cannot be migrated from schema {found} to {self.wanted}"
                    f" ({why}); nothing was changed: start the version of Boruta before this one"
                ) from fault
            raise

    def _refuse_beside(self, driver: DatabaseDriver, found: int) -> None:
        """Refuse to take away what servers of an earlier version use meanwhile.

        Raises StoreError.
        """
        servers = [str(name) for (name,) in driver.fetch(self.dialect.servers)]
        if servers:
            raise StoreError(
                f"{self.where} is used by {', '.join(servers)} (name, machine, process), of an "
                f"earlier version that cannot go on after the change from schema {found} to "
                f"{self.wanted}; nothing was changed: stop these servers, then start this one, or "
                "go by the versions in between"
            )

    def _stamp(self, driver: DatabaseDriver, version: SchemaVersion) -> None:
        driver.fetch("DELETE FROM schema_version")
        driver.fetch("INSERT INTO schema_version (version, oldest) VALUES (?, ?)", version)
