"""The farm in one SQLite file: the default."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from boruta_farm.clock import Clock
from boruta_farm.model.errors import StoreError, UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.batch import Batcher
from boruta_farm.store.batch_writer import BatchWriter, die
from boruta_farm.store.checkpoints import SOFT_LIMIT, Checkpointer
from boruta_farm.store.committed import Committed
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.dialect import SqliteDialect
from boruta_farm.store.driver import DatabaseDriver, DriverError
from boruta_farm.store.files import OpenedFiles
from boruta_farm.store.readers import Readers, explained
from boruta_farm.store.records import Records
from boruta_farm.store.reserve import MIB, Reserve
from boruta_farm.store.sqlite_driver import IMPATIENT, Connect, SqliteDriver, connect
from boruta_farm.store.statements import Statements
from boruta_farm.store.upgrade import Backup, Upgrade
from boruta_farm.store.writer import InlineWriter

Answer = TypeVar("Answer")

MEMORY = ":memory:"
READERS = 2

DURABLE = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    # Erased keys are overwritten, not only unlinked.
    "PRAGMA secure_delete=ON",
    f"PRAGMA journal_size_limit={SOFT_LIMIT}",
    "PRAGMA cache_size=-32768",
    "PRAGMA temp_store=MEMORY",
)
READING = ("PRAGMA query_only=ON", "PRAGMA cache_size=-16384", "PRAGMA temp_store=MEMORY")


class SqliteStore(DatabaseStore):
    """Keep the farm's records in a file (or ``:memory:``, with ``inline`` only).

    ``inline`` runs every command and read at once on the loop, with one connection and without
    threads: for virtual clocks. ``connector`` opens connections, for tests that make them fail.
    ``on_death`` is called, on the loop or in the writer's thread, when the writer dies; it must end
    the process.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        settings: FarmSettings,
        *,
        inline: bool = False,
        connector: Connect = connect,
        on_death: Callable[[], None] = die,
    ) -> None:
        super().__init__(Committed(alone=True))
        if str(path) == MEMORY and not inline:
            raise StoreError("a database in memory needs the inline writer")
        self._path = Path(path)
        self._inline = inline
        self._connector = connector
        self._statements = Statements(SqliteDialect())
        self._files = None if inline else OpenedFiles(self._path)
        self._reserve = None if inline else Reserve(self._path, settings.disk_reserve * MIB)
        self._batcher = Batcher(
            self._open_writing,
            self._statements,
            clock,
            settings,
            self._committed,
            guard=self._files,
            room=self._reserve,
        )
        self._checkpointer: Checkpointer | None = None
        if inline:
            self._writer = InlineWriter(self._batcher, self._followers)
        else:
            self._checkpointer = Checkpointer(self._path, self._open_checkpoints, self._look)
            self._writer = BatchWriter(
                self._batcher,
                self._followers,
                clock,
                self.written,
                on_loop=True,
                after_batch=self._checkpointer.after_batch,
                on_death=on_death,
            )
        self._reader: Records | None = None
        self._readers: Readers | None = None
        self._started = False

    async def start(self) -> None:
        """Open, back up and migrate, start the writer. Raises StoreError for a newer schema."""
        try:
            if self._inline:
                self._prepare()
            else:
                await asyncio.to_thread(self._prepare)
                self._reader = self._open_reading()
                self._readers = Readers(self._open_reading, READERS)
        except DriverError as failure:
            self._batcher.close()
            raise StoreError(f"{self._path} cannot be opened: {failure}") from failure
        except BaseException:
            self._batcher.close()
            raise
        if self._files is not None:
            self._files.begin()
        if self._checkpointer is not None:
            self._checkpointer.start()
        if self._reserve is not None:
            self._reserve.open()
        await self._writer.start()
        self._started = True

    async def close(self) -> None:
        """Write what was accepted, then close."""
        self._started = False
        await self._writer.close()
        if self._reader is not None and self._checkpointer is not None:
            self._checkpointer.close()
            self._reader.driver.close()
            self._reader = None
        if self._readers is not None:
            self._readers.close()
            self._readers = None
        if self._reserve is not None:
            self._reserve.close()

    def _prepare(self) -> None:
        fresh = str(self._path) != MEMORY and not self._path.exists()
        if fresh:
            self._create_file()
        self._batcher.open()
        upgrade = Upgrade(
            where=str(self._path),
            dialect=self._statements.dialect,
            backup=self._back_up,
        )
        assert self._batcher.driver is not None
        mode = self._batcher.driver.fetch("PRAGMA journal_mode")[0][0]
        if mode not in ("wal", "memory"):
            raise StoreError(
                f"{self._path} cannot have a write-ahead log (its journal is '{mode}');"
                " keep it on a local disk, not on a network's file system"
            )
        self._farm_id = upgrade.apply(self._batcher.driver)
        if fresh:
            self._sync_folder()

    def _create_file(self) -> None:
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreError(f"{self._path} cannot be made: {error.strerror}") from error

    def _sync_folder(self) -> None:
        """Make the new file's name as durable as its content."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _back_up(self, found: int) -> Backup:
        copy = self._path.with_name(f"{self._path.name}.schema-{found:04}.backup")
        try:
            with (
                closing(sqlite3.connect(self._path)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                copy.chmod(0o600)
                source.backup(target)
        except (OSError, sqlite3.Error) as failure:
            copy.unlink(missing_ok=True)
            raise StoreError(
                f"the backup before migrating, {copy}, cannot be made ({failure}); make room, and"
                " let the user write beside the database, then start again"
            ) from failure
        return Backup(f"the backup is {copy}", copy.unlink)

    def _open(self, pragmas: tuple[str, ...]) -> SqliteDriver:
        try:
            driver = SqliteDriver(self._connector(str(self._path)))
        except sqlite3.Error as error:
            raise DriverError(str(error)) from error
        try:
            for pragma in pragmas:
                driver.fetch(pragma)
        except DriverError:
            driver.close()
            raise
        return driver

    def _refuse_others(self) -> None:
        """Open nothing once the files are not those that were opened: it would be another log."""
        if self._files is not None and (trouble := self._files.trouble()) is not None:
            raise DriverError(trouble)

    def _open_writing(self) -> DatabaseDriver:
        self._refuse_others()
        if self._inline:
            return self._open(DURABLE)
        return self._open((*DURABLE, "PRAGMA wal_autocheckpoint=0", IMPATIENT))

    def _open_checkpoints(self) -> DatabaseDriver:
        # Reads once: it must open the log that is there now, not one that comes later.
        return self._open(("PRAGMA synchronous=FULL", "SELECT count(*) FROM sqlite_master"))

    def _look(self, driver: DatabaseDriver) -> None:
        """Look after the files between batches, in the checkpoints' thread."""
        if self._files is not None and self._files.trouble() is not None:
            self._files.save(driver)

    def _open_reading(self) -> Records:
        self._refuse_others()
        return Records(self._open(READING), self._statements, self._committed)

    def _reading(self) -> Records:
        """Return what reads on the loop."""
        if self._reader is not None:
            return self._reader
        if not self._started:
            raise UnavailableError("the store is closed")
        self._batcher.open()
        assert self._batcher.driver is not None
        return Records(self._batcher.driver, self._statements, self._committed)

    async def _near(self, read: Callable[[Records], Answer]) -> Answer:
        try:
            return read(self._reading())
        except DriverError as failure:
            raise explained(failure) from failure

    async def _far(self, read: Callable[[Records], Answer]) -> Answer:
        if self._readers is None:
            return await self._near(read)
        return await self._readers.read(read)
