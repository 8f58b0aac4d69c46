"""The schema at start: made in a new database, migrated in an old one, refused in a newer one."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.model.errors import StoreError
from boruta_farm.store.dialect import Dialect
from boruta_farm.store.driver import Driver
from boruta_farm.store.statements import COUNTER_NAMES

logger = logging.getLogger(__name__)

SCHEMA = "0001"
"""The revision of the schema that this code reads and writes; revisions are numbered upwards."""

DDL = Path(__file__).parent / "ddl"
MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Bring one database to the schema ``wanted``.

    ``where`` names the database for people. ``backup`` copies it before a migration and returns
    where the copy is; ``url`` is SQLAlchemy's address of it, asked for only when needed.
    """

    where: str
    dialect: Dialect
    backup: Callable[[str], str]
    url: Callable[[], str]
    wanted: str = SCHEMA
    migrations: Path = MIGRATIONS

    def apply(self, driver: Driver) -> str:
        """Make, check or migrate the schema; return the farm's id.

        Raises StoreError when the database is newer or not ours.
        """
        if self._found(driver) != self.wanted:
            driver.fetch(self.dialect.hold)
            try:
                self._change(driver)
            finally:
                driver.fetch(self.dialect.release)
        return str(driver.fetch("SELECT value FROM meta WHERE name = 'farm_id'")[0][0])

    def _change(self, driver: Driver) -> None:
        found = self._found(driver)
        if found is None:
            self._create(driver)
        elif found != self.wanted:
            self._migrate(found)

    def _found(self, driver: Driver) -> str | None:
        tables = {row[0] for row in driver.fetch(self.dialect.tables)}
        if "alembic_version" in tables:
            rows = driver.fetch("SELECT version_num FROM alembic_version")
            if rows:
                return str(rows[0][0])
        if tables:
            raise StoreError(
                f"{self.where} holds tables of something else ({', '.join(sorted(tables)[:3])});"
                " name an empty database or Boruta's own"
            )
        return None

    def _create(self, driver: Driver) -> None:
        script = (DDL / f"{self.dialect.name}.sql").read_text(encoding="utf-8")
        driver.begin()
        try:
            for statement in script.split(";\n"):
                if statement.strip():
                    driver.fetch(statement)
            for name in COUNTER_NAMES:
                driver.fetch("INSERT INTO counters (name, value) VALUES (?, 0)", (name,))
            farm_id = str(uuid.uuid4())
            driver.fetch("INSERT INTO meta (name, value) VALUES ('farm_id', ?)", (farm_id,))
            driver.fetch("INSERT INTO alembic_version (version_num) VALUES (?)", (SCHEMA,))
            driver.commit()
        except BaseException:
            driver.rollback()
            raise

    def _migrate(self, found: str) -> None:
        if not found.isdigit() or int(found) > int(self.wanted):
            raise StoreError(
                f"{self.where} has schema {found}, newer than this server's {self.wanted};"
                " start the newer version of Boruta, or restore the backup made before it"
            )
        copy = self.backup(found)
        logger.warning(
            "migrating %s from schema %s to %s; %s", self.where, found, self.wanted, copy
        )
        # SQLAlchemy and Alembic take most of a second to import: only a migration pays for them.
        from boruta_farm.store.migrations.runner import migrate

        migrate(self.url(), self.migrations, self.wanted)
