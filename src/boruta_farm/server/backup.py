"""A farm saved while it runs, and brought back so that nothing is given out twice."""

import asyncio
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from boruta_farm.access.cipher import KEY_FILE
from boruta_farm.clock import Clock, SystemClock
from boruta_farm.core import restoring
from boruta_farm.core.plan import Noted, Plan
from boruta_farm.core.world import World
from boruta_farm.farm.engine import Engine
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.errors import ConfigError, StoreError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.server.config import Config
from boruta_farm.server.folder import DATABASE_FILE, DataFolder
from boruta_farm.store import copying
from boruta_farm.store.driver import DatabaseDriver, DriverError
from boruta_farm.store.sqlite import SqliteStore

JUMPS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
"""Jumps are counted from here, so that each restore jumps farther than any before it."""
IDS_PER_SECOND = 10
EVENTS_PER_SECOND = 1000
"""More than a farm gives out on average between a backup and its restore."""
KEY_SUFFIX = ".secret.key"
PARTS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Tell what was brought back: whose farm it is, and where the former database lies now."""

    farm_id: str
    boards: int
    first_id: int
    former: Path | None


def back_up(config: Config, target: Path, *, with_key: bool = False) -> str:
    """Save the farm into a new file, checked, while its server runs or not; return its id.

    ``with_key`` saves the secret key beside it. Raises StoreError and ConfigError.
    """
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    if target.exists() or (with_key and _key_of(target).exists()):
        raise StoreError(f"{target} exists already; name another file")
    try:
        if config.database:
            driver = _connect(config.database)
            try:
                copying.copy_to_file(driver, fresh)
            finally:
                driver.close()
        else:
            copying.copy_file(config.data / DATABASE_FILE, fresh)
        farm_id = copying.checked(fresh)
        if with_key:
            _copy_private(config.data / KEY_FILE, _key_of(target))
        fresh.rename(target)
        copying.sync(target)
    except (DriverError, OSError) as failure:
        raise StoreError(f"the backup {target} cannot be made: {failure}") from failure
    finally:
        fresh.unlink(missing_ok=True)
    return farm_id


def restore(
    config: Config, source: Path, *, replace: bool = False, clock: Clock | None = None
) -> Restored:
    """Bring a farm back from a backup, with its server stopped.

    Ids, epochs and event numbers go on from where nothing was given out before; what boards are
    is taken for unknown. ``replace`` sets an SQLite database that is there aside. Raises
    ConfigError when the folder is in use, StoreError; the farm is then as it was.
    """
    if not source.is_file():
        raise StoreError(f"there is no backup at {source}")
    copying.checked(source)
    folder = DataFolder(config.data)
    folder.open()
    try:
        place = config.data / DATABASE_FILE
        if not config.database and place.exists() and not replace:
            raise StoreError(f"{place} exists; say --replace to set it aside, nothing is removed")
        fresh = place.with_name(f"{place.name}.restoring")
        _remove(fresh)
        try:
            copying.copy_file(source, fresh)
            made = datetime.fromtimestamp(source.stat().st_mtime, UTC).isoformat(timespec="seconds")
            restored = asyncio.run(
                _renew(fresh, made, config.farm_settings(), clock or SystemClock())
            )
            former = _put_in_place(config, fresh, place)
            key = config.data / KEY_FILE
            if _key_of(source).exists() and not key.exists():
                _copy_private(_key_of(source), key)
        except (DriverError, OSError) as failure:
            raise StoreError(f"{source} cannot be restored: {failure}") from failure
        finally:
            _remove(fresh)
    finally:
        folder.close()
    return Restored(
        farm_id=restored.farm_id,
        boards=restored.boards,
        first_id=restored.first_id,
        former=former,
    )


async def _renew(path: Path, made: str, settings: FarmSettings, clock: Clock) -> Restored:
    """Have every board prove itself anew, say so in the audit, then jump."""
    store = SqliteStore(path, clock, settings, inline=True)
    await store.start()
    try:
        engine = Engine(store)
        boards = (await store.snapshot(holding=True)).workers
        reason = f"the farm was restored from a backup of {made}"
        for board in boards:
            await engine.decide(partial(_start_over, board.uuid, reason))
        seconds = int((clock.now() - JUMPS_FROM).total_seconds())
        detail = {"backup": made, "jump": str(seconds)}
        note = Note(actor="admin", action=Action.RESTORED, subject="farm", detail=detail)
        await engine.decide(lambda _world, _now: Plan(answer=None, steps=(Noted(note=note),)))
        farm_id = store.farm_id
    finally:
        await store.close()
    first_id = 0

    def jump(driver: DatabaseDriver) -> None:
        nonlocal first_id
        driver.fetch("DELETE FROM session_keys")
        # By it the farm would go on with the time that it had when the backup was made.
        driver.fetch("DELETE FROM meta WHERE name IN ('clock', 'key')")
        # Followers that have seen later events than these must notice that they missed some.
        driver.fetch("DELETE FROM events")
        for table in ("workers", "epochs"):
            driver.fetch(f"UPDATE {table} SET epoch = epoch + ?", (seconds,))
        for name, per_second in (("request", IDS_PER_SECOND), ("event", EVENTS_PER_SECOND)):
            driver.fetch(
                "UPDATE counters SET value = value + ? WHERE name = ?",
                (seconds * per_second, name),
            )
        ((last,),) = driver.fetch("SELECT value FROM counters WHERE name = 'request'")
        first_id = int(last) + 1

    copying.change_file(path, jump)
    return Restored(farm_id=farm_id, boards=len(boards), first_id=first_id, former=None)


def _start_over(uuid: str, reason: str, world: World, now: datetime) -> Plan[None]:
    return restoring.start_over(world, uuid, now, reason)


def _put_in_place(config: Config, fresh: Path, place: Path) -> Path | None:
    """Let the restored file be the farm's; return where the former one was moved."""
    if config.database:
        driver = _connect(config.database)
        try:
            copying.copy_from_file(fresh, driver)
        finally:
            driver.close()
        return None
    former = None
    if place.exists():
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        former = place.with_name(f"{place.name}.before-{stamp}")
        for part in PARTS:
            if (old := place.with_name(place.name + part)).exists():
                old.rename(former.with_name(former.name + part))
    fresh.rename(place)
    copying.sync(place)
    return former


def _remove(fresh: Path) -> None:
    for part in PARTS:
        fresh.with_name(fresh.name + part).unlink(missing_ok=True)


def _key_of(backup: Path) -> Path:
    return backup.with_name(backup.name + KEY_SUFFIX)


def _copy_private(source: Path, target: Path) -> None:
    try:
        content = source.read_bytes()
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        copying.sync(target)
    except OSError as error:
        raise ConfigError(f"{source} cannot be copied to {target}: {error.strerror}") from None


def _connect(address: str) -> DatabaseDriver:
    try:
        # The driver is an extra, and takes a while to import.
        from boruta_farm.store.postgres_driver import connect
    except ImportError as error:
        raise StoreError(
            "PostgreSQL needs its driver: pip install 'boruta-farm[postgres]'"
        ) from error
    return connect(address)
