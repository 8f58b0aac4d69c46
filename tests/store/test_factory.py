"""The store for a configured database."""

import sys
from pathlib import Path

import pytest

from boruta_farm.model.errors import StoreError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.factory import open_store
from boruta_farm.store.postgres import PostgresStore
from boruta_farm.store.sqlite import SqliteStore
from tests.store.making import HandClock
from tests.store.postgres_server import PostgresServer


@pytest.mark.parametrize("database", ["farm.db", Path("farm.db"), "/tmp/postgresql"])
def test_a_path_is_a_file(database: str | Path, clock: HandClock) -> None:
    assert isinstance(open_store(database, clock, FarmSettings()), SqliteStore)


@pytest.mark.parametrize("database", ["postgresql:///farm", "postgres://ann@db/farm"])
async def test_an_address_is_a_server(database: str, clock: HandClock) -> None:
    assert isinstance(open_store(database, clock, FarmSettings()), PostgresStore)


def test_a_missing_driver_is_told(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boruta_farm.store.postgres", None)
    with pytest.raises(StoreError, match=r"pip install 'boruta-farm\[postgres\]'"):
        open_store("postgresql:///farm", clock, FarmSettings())
    assert open_store("farm.db", clock, FarmSettings())


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_keeps_no_utf_8_is_refused_in_words(
    encoding: str, clock: HandClock, postgres_server: PostgresServer
) -> None:
    address = postgres_server.database(
        f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    store = open_store(address, clock, FarmSettings())
    with pytest.raises(StoreError, match="createdb -E UTF8"):
        await store.start()
    await store.close()
    postgres_server.drop(address)


async def test_a_server_out_of_reach_is_told(tmp_path: Path, clock: HandClock) -> None:
    store = open_store(f"postgresql:///farm?host={tmp_path}", clock, FarmSettings())
    with pytest.raises(StoreError, match="cannot be used"):
        await store.start()
    await store.close()
