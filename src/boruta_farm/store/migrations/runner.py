"""Alembic run from code, in one transaction on a connection of its own."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, pool


def migrate(url: str, folder: Path, wanted: str) -> None:
    """Bring the database at ``url`` to schema ``wanted`` by the steps in ``folder``."""
    config = Config()
    # Percent signs are the configuration parser's own.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(url, poolclass=pool.NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_alone)
        event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, wanted)
    finally:
        engine.dispose()


def _leave_transactions_alone(connection: sqlite3.Connection, _record: object) -> None:
    """Keep the driver from beginning transactions by itself: it would commit before each DDL."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN EXCLUSIVE")
