"""A farm's tables copied from one database to another, whatever the kinds."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from boruta_farm.model.errors import StoreError
from boruta_farm.store.dialect import Dialect, PostgresDialect, SqliteDialect
from boruta_farm.store.driver import DatabaseDriver, DriverError, Row
from boruta_farm.store.migrations import SCHEMA
from boruta_farm.store.schema import TABLES, SchemaTable, ddl
from boruta_farm.store.sqlite_driver import SqliteDriver, connect

ROWS = 1000
"""Rows read and written at once."""


def copy_file(source: Path, target: Path) -> None:
    """Copy an SQLite database that may be in use, as of one moment, for its owner alone.

    Raises StoreError when there is none, or it cannot be copied.
    """
    if not source.is_file():
        raise StoreError(f"there is no database at {source}")
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
            read.backup(written)
            # One file, readable from anywhere: no log beside it.
            written.execute("PRAGMA journal_mode=DELETE")
        sync(target)
    except (OSError, sqlite3.Error) as failure:
        raise StoreError(f"{source} cannot be copied to {target}: {failure}") from failure


def copy_tables(source: DatabaseDriver, target: DatabaseDriver, dialect: Dialect) -> None:
    """Make the tables in an empty database and fill them, as of one moment of ``source``.

    Nothing is written when anything fails. Raises StoreError for another schema, DriverError.
    """
    source.begin_reading()
    try:
        found = source.fetch("SELECT version FROM schema_version")
        if found != [(SCHEMA,)]:
            raise StoreError(
                f"the database has schema {found[0][0] if found else 'none'}, and this program "
                f"works with {SCHEMA}; start the server of this version on it once"
            )
        target.begin()
        try:
            for statement in ddl(dialect):
                target.fetch(statement)
            for table in TABLES:
                _copy(table, source, target, dialect)
            target.commit()
        except BaseException:
            target.rollback()
            raise
    finally:
        source.rollback()


def copy_to_file(source: DatabaseDriver, target: Path) -> None:
    """Copy a database into a new SQLite file, for its owner alone. Raises StoreError."""
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as failure:
        raise StoreError(f"{target} cannot be made: {failure.strerror}") from failure
    driver = SqliteDriver(connect(str(target)))
    try:
        copy_tables(source, driver, SqliteDialect())
    finally:
        driver.close()
    sync(target)


def copy_from_file(source: Path, target: DatabaseDriver) -> None:
    """Copy an SQLite file into an empty PostgreSQL database. Raises StoreError, DriverError."""
    dialect = PostgresDialect()
    if target.fetch(dialect.tables):
        raise StoreError("the PostgreSQL database is not empty; name an empty one")
    driver = SqliteDriver(connect(str(source)))
    try:
        copy_tables(driver, target, dialect)
    finally:
        driver.close()


def checked(path: Path) -> str:
    """Return the id of the farm that an SQLite file holds, after all of it was read.

    Raises StoreError when it is damaged, no farm's, or holds what would act by itself.
    """
    try:
        driver = SqliteDriver(connect(f"{path}"))
        try:
            trouble = driver.fetch("PRAGMA integrity_check")
            if trouble != [("ok",)]:
                raise StoreError(f"{path} is damaged: {trouble[0][0]}")
            for kind, name in driver.fetch(
                "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"
            ):
                raise StoreError(
                    f"{path} holds a {kind}, {name!r}, as no farm's backup does: somebody has "
                    "changed it; take another one"
                )
            (told,) = driver.fetch("SELECT value FROM meta WHERE name = 'farm_id'")
            return str(told[0])
        finally:
            driver.close()
    except (DriverError, ValueError) as failure:
        raise StoreError(f"{path} is no backup of a farm: {failure}") from failure


def change_file(path: Path, change: Callable[[DatabaseDriver], None]) -> None:
    """Change an SQLite file that nobody else has open, in one transaction. Raises StoreError."""
    driver = SqliteDriver(connect(str(path)))
    try:
        driver.begin()
        change(driver)
        driver.commit()
        driver.fetch("PRAGMA journal_mode=DELETE")
    except DriverError as failure:
        raise StoreError(f"{path} cannot be changed: {failure}") from failure
    finally:
        driver.close()


def sync(path: Path) -> None:
    """Make a file and its name durable."""
    for place in (path, path.parent):
        handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _copy(
    table: SchemaTable, source: DatabaseDriver, target: DatabaseDriver, dialect: Dialect
) -> None:
    names = ", ".join(column.name for column in table.columns)
    insert = (
        f"INSERT INTO {table.name} ({names}) SELECT {names} "
        f"FROM {dialect.source(table.columns)} WHERE true"
    )
    flags = [place for place, column in enumerate(table.columns) if column.kind == "boolean"]

    def typed(row: Row) -> Row:
        if not flags:
            return row
        cells = list(row)
        for place in flags:
            # SQLite has numbers for truth.
            cells[place] = None if cells[place] is None else bool(cells[place])
        return tuple(cells)

    for rows in source.read(f"SELECT {names} FROM {table.name}", ROWS):
        target.put(insert, [typed(row) for row in rows])
