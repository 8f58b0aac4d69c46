"""One suite over all stores."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from boruta_farm.store.database import DatabaseStore
from tests.store.farms import Farm, Kind, PostgresKind, SqliteKind
from tests.store.making import HandClock
from tests.store.postgres_server import PostgresServer


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["sqlite", "inline", "postgres"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    match request.param:
        case "postgres":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            address = server.database()
            yield PostgresKind(address)
            server.drop(address)
        case name:
            yield SqliteKind(tmp_path / "farm.db", inline=name == "inline")


@pytest.fixture
async def farm(kind: Kind, clock: HandClock) -> AsyncIterator[Farm]:
    farm = Farm(kind, clock)
    yield farm
    await farm.close()


@pytest.fixture
async def store(farm: Farm) -> DatabaseStore:
    return await farm.open()
