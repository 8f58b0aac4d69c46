"""One of several servers on a PostgreSQL database leads; when it goes, another one does."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import psycopg
import pytest

from boruta_farm.clock import SystemClock
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store import hearing, postgres, tenure
from boruta_farm.store.base import Transaction
from boruta_farm.store.driver import DriverError
from boruta_farm.store.overlay import NOT_LEADING
from boruta_farm.store.postgres import PostgresStore
from tests.store.making import creating
from tests.store.postgres_server import PostgresServer

SERVER = """
import asyncio, sys
from boruta_farm.clock import SystemClock
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.postgres import PostgresStore

async def main():
    store = PostgresStore(sys.argv[1], SystemClock(), FarmSettings())
    await store.start()
    print(store.leading, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def address(postgres_server: PostgresServer) -> Iterator[str]:
    made = postgres_server.database()
    yield made
    postgres_server.drop(made)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenure, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(hearing, "LOOK_EVERY", 0.05)


@pytest.fixture
async def pair(address: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Return the store that leads and one that does not."""
    first, second = make(address), make(address)
    await first.start()
    await second.start()
    yield first, second
    for store in (first, second):
        await store.close()


def make(address: str) -> PostgresStore:
    return PostgresStore(address, SystemClock(), FarmSettings())


def leading(transaction: Transaction, now: datetime) -> int:
    """File a request as only the server that leads may."""
    transaction.lead()
    return creating()(transaction, now)


async def led(store: PostgresStore, *, leads: bool) -> None:
    """Return once a store leads, or does no more."""
    changed = asyncio.Event()
    store.on_lead(changed.set)
    async with asyncio.timeout(30):
        while store.leading != leads:
            await changed.wait()
            changed.clear()


async def test_the_first_leads_and_both_write(pair: tuple[PostgresStore, PostgresStore]) -> None:
    first, second = pair
    assert (first.leading, second.leading) == (True, False)
    assert await first.execute(leading) == 1
    assert await second.execute(creating()) == 2
    with pytest.raises(UnavailableError, match=NOT_LEADING):
        await second.execute(leading)
    assert await first.execute(creating()) == 3


async def test_another_leads_when_the_first_goes(address: str) -> None:
    first, second = make(address), make(address)
    await first.start()
    await second.start()
    await first.close()
    await led(second, leads=True)
    assert await second.execute(leading) == 1
    await second.close()


async def test_a_killed_leader_is_followed_at_once(address: str) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, address, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    assert await server.stdout.readline() == b"True\n"
    store = make(address)
    await store.start()
    assert not store.leading
    assert store.servers == 2
    server.kill()
    await server.communicate()
    await led(store, leads=True)
    assert await store.execute(leading) == 1
    await store.close()


async def test_a_leader_that_sleeps_with_the_lock_in_its_hand_is_replaced(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenure, "STALE", 1.0)
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, address, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    assert await server.stdout.readline() == b"True\n"
    store = make(address)
    await store.start()
    os.kill(server.pid, signal.SIGSTOP)
    await led(store, leads=True)
    assert await store.execute(leading) == 1
    os.kill(server.pid, signal.SIGCONT)
    # It strives for the lead again, and does not get it.
    server.kill()
    await server.communicate()
    assert store.leading
    await store.close()


async def test_who_leads_is_read_in_every_batch(
    pair: tuple[PostgresStore, PostgresStore], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lead that was lost without being noticed lets nothing be written as the leader."""
    monkeypatch.setattr(tenure, "LOOK_EVERY", 3600)
    first, _second = pair
    with psycopg.connect(address, autocommit=True) as thief:
        thief.execute("UPDATE counters SET value = 77 WHERE name = 'server'")
        with pytest.raises(UnavailableError, match=NOT_LEADING):
            await first.execute(leading)
        assert await first.execute(creating()) == 1


async def test_a_lost_connection_is_mended(address: str) -> None:
    store = make(address)
    await store.start()
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (holder(admin),))
    await led(store, leads=False)
    await led(store, leads=True)
    assert await store.execute(leading) == 1
    await store.close()


async def test_a_batch_that_is_left_open_keeps_others_waiting_for_a_moment_only(
    pair: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a server that was paused, or cut off, between two statements."""
    monkeypatch.setattr(postgres, "OPEN_BATCH", "200ms")
    first, second = pair
    left = first._open_writing()
    left.begin()
    left.fetch("SELECT name FROM counters ORDER BY name FOR UPDATE")
    async with asyncio.timeout(30):
        assert await second.execute(creating()) == 1
    with pytest.raises(DriverError):
        left.commit()
    left.close()
    assert await first.execute(creating()) == 2


async def test_a_server_that_comes_back_to_a_newer_schema_writes_nothing(
    pair: tuple[PostgresStore, PostgresStore], address: str
) -> None:
    first, _second = pair
    assert await first.execute(creating()) == 1
    with psycopg.connect(address, autocommit=True) as newer:
        newer.execute("UPDATE schema_version SET version = version + 1, oldest = version + 1")
        newer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(UnavailableError):
        await first.execute(creating())
    with pytest.raises(UnavailableError, match="a newer version of Boruta has changed"):
        await first.execute(creating())
    with pytest.raises(UnavailableError, match="a newer version of Boruta has changed"):
        await first.get_request(1)


def holder(connection: "psycopg.Connection[tuple[object, ...]]") -> object | None:
    """Return the database's process that holds the lock."""
    found = connection.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7175 AND granted"
    ).fetchone()
    return None if found is None else found[0]
