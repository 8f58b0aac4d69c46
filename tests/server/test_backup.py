"""A farm is saved while it runs, and brought back so that nothing is given out twice."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from boruta_farm.cli.main import app
from boruta_farm.farm.audit import FarmAudit, Sealer
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.timekeeper import Timekeeper
from boruta_farm.model.audit import Action, AuditFilter
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import ConfigError, StoreError
from boruta_farm.model.request import RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import SessionKey, WorkerState
from boruta_farm.server.backup import JUMPS_FROM, back_up, restore
from boruta_farm.server.config import Config, load
from boruta_farm.server.folder import DATABASE_FILE, DataFolder
from boruta_farm.store.base import Store
from boruta_farm.store.factory import open_store
from tests.store.making import (
    HandClock,
    creating,
    granting,
    keeping,
    make_worker,
    registering,
)
from tests.store.postgres_server import PostgresServer

IDLE, RUNNING, ASIDE = (make_worker(number) for number in (1, 2, 3))


class Place:
    """One farm's configuration, and what its server did before and after."""

    def __init__(self, folder: Path, database: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.clock = HandClock()
        self.clock.time = JUMPS_FROM + timedelta(days=300)
        self.config: Config = load(
            None, environment={}, overrides={"data": str(folder), "database": database}
        )

    def run(self, work: Callable[[Store], Awaitable[None]]) -> None:
        """Do something with the farm's store."""

        async def main() -> None:
            database = self.config.database or self.config.data / DATABASE_FILE
            store = open_store(database, self.clock, FarmSettings(disk_reserve=1))
            await store.start()
            try:
                await work(store)
            finally:
                await store.close()

        asyncio.run(main())


async def live(store: Store) -> None:
    """Have three boards, one of them lent, and a key made for another."""
    for worker in (IDLE, RUNNING):
        await store.execute(registering(worker))
    aside = make_worker(3, state=WorkerState.MAINTENANCE)
    await store.execute(registering(aside))
    await store.execute(creating())
    await store.execute(creating())
    await store.execute(granting(1, RUNNING.uuid))
    key = SessionKey(worker=IDLE.uuid, epoch=IDLE.epoch, public="public", sealed=b"sealed")
    await store.execute(keeping(key))


def saved_and_used_on(place: Place, backup: Path) -> int:
    """Save a farm while it runs, and go on; return the last event it gave out."""
    last = 0

    async def work(store: Store) -> None:
        nonlocal last
        await live(store)
        await asyncio.to_thread(back_up, place.config, backup)
        assert await store.execute(creating()) == 3
        last = await store.last_event()

    place.run(work)
    return last


def check_restored(place: Place, first_id: int, last_event: int) -> None:
    """See that nothing known before is given out again, and that no board is trusted."""

    async def work(store: Store) -> None:
        engine = Engine(store)
        lent = await store.get_request(1)
        assert lent is not None
        assert lent.state is RequestState.FAILED
        assert "restored from a backup of" in (lent.reason or "")
        waiting = await store.get_request(2)
        assert waiting is not None
        assert waiting.state is RequestState.WAITING
        assert await store.get_request(3) is None
        for before in (IDLE, RUNNING):
            worker = await store.get_worker(before.uuid)
            assert worker is not None
            assert worker.state is WorkerState.PREPARE
            assert worker.epoch > before.epoch + 1_000_000
            assert await store.get_session_key(worker.uuid, worker.epoch) is None
        assert await store.get_session_key(IDLE.uuid, IDLE.epoch) is None
        aside = await store.get_worker(ASIDE.uuid)
        assert aside is not None
        assert aside.state is WorkerState.MAINTENANCE
        assert await store.last_event() > last_event + 1_000_000
        assert await store.execute(creating()) == first_id
        while await Sealer(engine, store).seal():
            pass
        audit = FarmAudit(engine, store)
        assert (await audit.verify(LOCAL_ADMIN)).broken is None
        told = await audit.list_entries(LOCAL_ADMIN, AuditFilter(action=Action.RESTORED))
        assert [entry.subject for entry in told] == ["farm"]

    place.run(work)


def test_a_restored_farm_gives_nothing_out_twice(tmp_path: Path) -> None:
    place, backup = Place(tmp_path / "data"), tmp_path / "farm.backup"
    last_event = saved_and_used_on(place, backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match="say --replace"):
        restore(place.config, backup, clock=place.clock)
    first = restore(place.config, backup, replace=True, clock=place.clock)
    assert first.boards == 3
    assert first.first_id > 1_000_000
    assert first.former is not None
    with closing(sqlite3.connect(first.former)) as former:
        assert former.execute("SELECT max(id) FROM requests").fetchone() == (3,)
    check_restored(place, first.first_id, last_event)

    place.clock.time += timedelta(seconds=1)
    second = restore(place.config, backup, replace=True, clock=place.clock)
    assert second.first_id == first.first_id + 10


def test_a_restored_farm_takes_the_time_from_its_machine(tmp_path: Path) -> None:
    """Saved while its clock was an hour ahead; it was corrected since, in the same run."""
    place, backup = Place(tmp_path / "data"), tmp_path / "farm.backup"
    anchor = place.clock.anchor + 3600 * 10**6
    place.run(lambda store: store.execute(lambda tx, _now: tx.keep_anchor(f"boot {anchor}")))
    back_up(place.config, backup)
    restore(place.config, backup, replace=True, clock=place.clock)
    before = place.clock.now()

    async def begin(store: Store) -> None:
        keeper = Timekeeper(Engine(store), store, place.clock, boot="boot", trusted=lambda: False)
        await keeper.begin()

    place.run(begin)
    assert place.clock.now() == before


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    place, backup = Place(tmp_path / "data"), tmp_path / "farm.backup"
    saved_and_used_on(place, backup)
    folder = DataFolder(place.config.data)
    folder.open()
    try:
        with pytest.raises(ConfigError, match="another server uses"):
            restore(place.config, backup, replace=True)
    finally:
        folder.close()
    assert not list(place.config.data.glob("*before*"))


def test_a_damaged_backup_changes_nothing(tmp_path: Path) -> None:
    place, backup = Place(tmp_path / "data"), tmp_path / "farm.backup"
    saved_and_used_on(place, backup)
    content = bytearray(backup.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 512] = b"\xff" * 512
    backup.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|no backup"):
        restore(place.config, backup, replace=True)
    place.run(still_there)


def test_a_backup_that_would_act_by_itself_is_refused(tmp_path: Path) -> None:
    """A trigger could make tokens anew long after somebody has looked through them."""
    place, backup = Place(tmp_path / "data"), tmp_path / "farm.backup"
    saved_and_used_on(place, backup)
    with closing(sqlite3.connect(backup)) as changed:
        changed.execute(
            "CREATE TRIGGER sleeper AFTER INSERT ON audit BEGIN"
            " UPDATE accounts SET role = 'admin'; END"
        )
    with pytest.raises(StoreError, match="holds a trigger, 'sleeper', as no farm's backup does"):
        restore(place.config, backup, replace=True, clock=place.clock)
    place.run(still_there)


async def still_there(store: Store) -> None:
    assert await store.get_request(3) is not None


def test_the_verbs_save_and_bring_back_with_the_key(tmp_path: Path) -> None:
    """As the page Backups tells."""
    place, backup = Place(tmp_path / "data"), tmp_path / "farm.backup"
    place.run(live)
    (place.config.data / "secret.key").write_bytes(b"k" * 32)
    data = ["--data", str(place.config.data)]
    runner = CliRunner()
    done = runner.invoke(app, ["backup", str(backup), "--with-key", *data])
    assert done.exit_code == 0, done.output
    assert "was read back whole" in done.output
    again = runner.invoke(app, ["backup", str(backup), *data])
    assert again.exit_code == 1
    elsewhere = ["--data", str(tmp_path / "elsewhere")]
    done = runner.invoke(app, ["restore", str(backup), *elsewhere])
    assert done.exit_code == 0, done.output
    assert "3 boards must prove themselves clean" in done.output
    key = tmp_path / "elsewhere" / "secret.key"
    assert key.read_bytes() == b"k" * 32
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def addresses(postgres_server: PostgresServer) -> Iterator[tuple[str, str]]:
    made = postgres_server.database(), postgres_server.database()
    yield made
    for address in made:
        postgres_server.drop(address)


def test_postgresql_is_saved_and_brought_back(tmp_path: Path, addresses: tuple[str, str]) -> None:
    first, second = (Place(tmp_path / "data", address) for address in addresses)
    backup = tmp_path / "farm.backup"
    last_event = saved_and_used_on(first, backup)
    with pytest.raises(StoreError, match="not empty"):
        restore(first.config, backup, clock=first.clock)
    restored = restore(second.config, backup, clock=second.clock)
    check_restored(second, restored.first_id, last_event)
