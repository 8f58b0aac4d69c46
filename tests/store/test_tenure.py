"""One server at a time on a PostgreSQL database; a second is refused in words."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator

import psycopg
import pytest

from boruta_farm.clock import SystemClock
from boruta_farm.model.errors import StoreError, UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store import tenure
from boruta_farm.store.postgres import PostgresStore
from tests.store.making import HandClock, creating
from tests.store.postgres_server import PostgresServer

SERVER = """
import asyncio, sys
from boruta_farm.clock import SystemClock
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.postgres import PostgresStore

async def main():
    store = PostgresStore(sys.argv[1], SystemClock(), FarmSettings())
    await store.start()
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


CONNECTED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'boruta %'
"""


@pytest.fixture
def address(postgres_server: PostgresServer) -> Iterator[str]:
    made = postgres_server.database()
    yield made
    postgres_server.drop(made)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenure, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(tenure, "PATIENCE", 0.0)


def make(address: str) -> PostgresStore:
    return PostgresStore(address, SystemClock(), FarmSettings())


async def test_a_second_server_is_refused_and_told_who_the_first_is(address: str) -> None:
    first, second = make(address), make(address)
    await first.start()
    with pytest.raises(StoreError) as refusal:
        await second.start()
    words = str(refusal.value)
    assert f"process {os.getpid()} on {socket.gethostname()[:40]}, since 20" in words
    assert "stop it" in words
    assert await first.execute(creating()) == 1
    await first.close()
    await second.start()
    assert await second.execute(creating()) == 2
    await second.close()


async def test_a_killed_server_frees_the_database_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, address, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    assert await server.stdout.readline() == b"started\n"
    with pytest.raises(StoreError, match=f"process {server.pid} on"):
        await make(address).start()
    server.kill()
    await server.communicate()
    # Its process is gone before the database has read the end of its connection.
    monkeypatch.setattr(tenure, "PATIENCE", 30.0)
    store = make(address)
    await store.start()
    assert await store.execute(creating()) == 1
    await store.close()


async def test_one_that_is_just_going_is_waited_for(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenure, "PATIENCE", 30.0)
    first, second = make(address), make(address)
    await first.start()
    with psycopg.connect(address, autocommit=True) as onlooker:
        before = onlooker.execute(CONNECTED).fetchone()
        starting = asyncio.create_task(second.start())
        # Its connection is there, so it has asked for the lock or is about to.
        while (await asyncio.to_thread(onlooker.execute, CONNECTED)).fetchone() == before:
            pass
    assert not starting.done()
    await first.close()
    await starting
    await second.close()


async def test_who_lost_the_database_writes_nothing_until_it_has_it_again(
    address: str, clock: HandClock
) -> None:
    store = make(address)
    await store.start()
    assert await store.execute(creating()) == 1
    resynced = asyncio.Event()
    store.on_doubt(resynced.set)
    with psycopg.connect(address, autocommit=True) as thief:
        await cut_off_and_take(address, thief)
        with pytest.raises(UnavailableError, match="nothing can be written just now"):
            await store.execute(creating())
        assert store.alive(clock.now()) is not None
        assert thief.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    async with asyncio.timeout(30):
        await resynced.wait()
    assert store.alive(clock.now()) is None
    assert await store.execute(creating()) == 2
    await store.close()


async def test_whose_turn_it_is_is_read_in_every_batch(
    address: str, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that was lost without being noticed lets nothing be written."""
    monkeypatch.setattr(tenure, "LOOK_EVERY", 3600)
    store = make(address)
    await store.start()
    with psycopg.connect(address, autocommit=True) as thief:
        await cut_off_and_take(address, thief)
        with pytest.raises(UnavailableError, match="another server has taken the database"):
            await store.execute(creating())
        assert store.alive(clock.now()) == "another server has taken the database"
        assert thief.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    await store.close()


async def test_a_lost_connection_without_another_server_is_mended(
    address: str, clock: HandClock
) -> None:
    store = make(address)
    await store.start()
    with psycopg.connect(address, autocommit=True) as admin:
        before = holder(admin)
        admin.execute("SELECT pg_terminate_backend(%s)", (before,))
        async with asyncio.timeout(30):
            while holder(admin) in (None, before) or store.alive(clock.now()) is not None:  # noqa: ASYNC110
                await asyncio.sleep(0)
    assert await store.execute(creating()) == 1
    await store.close()


def holder(connection: "psycopg.Connection[tuple[object, ...]]") -> object | None:
    """Return the database's process that holds the lock."""
    found = connection.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7175 AND granted"
    ).fetchone()
    return None if found is None else found[0]


async def cut_off_and_take(address: str, thief: "psycopg.Connection[tuple[object, ...]]") -> None:
    """Take the lock and the turn as another server does, from one whose connection is cut.

    Who waits for the lock has it before who only tries, however quick.
    """
    taking = asyncio.create_task(
        asyncio.to_thread(thief.execute, f"SELECT pg_advisory_lock({tenure.LOCK})".encode())
    )
    with psycopg.connect(address, autocommit=True) as admin:
        while admin.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        admin.execute("SELECT pg_terminate_backend(%s)", (holder(admin),))
        await taking
    thief.execute("UPDATE counters SET value = 77 WHERE name = 'server'")
