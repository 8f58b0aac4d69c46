"""The store for a configured database."""

from pathlib import Path

from boruta_farm.clock import Clock
from boruta_farm.model.errors import StoreError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.base import Store
from boruta_farm.store.sqlite import SqliteStore

POSTGRES = ("postgresql://", "postgres://")


def open_store(database: str | Path, clock: Clock, settings: FarmSettings) -> Store:
    """Return the store, not yet started, for a file's path or a ``postgresql://`` address.

    Raises StoreError when PostgreSQL is asked for and its driver is not installed.
    """
    if isinstance(database, str) and database.startswith(POSTGRES):
        try:
            # The driver is an extra, and takes a while to import.
            from boruta_farm.store.postgres import PostgresStore
        except ImportError as error:
            raise StoreError(
                "PostgreSQL needs its driver: pip install 'boruta-farm[postgres]'"
            ) from error
        return PostgresStore(database, clock, settings)
    return SqliteStore(database, clock, settings)
