"""A disk in memory that loses power: what was not synced is dropped or torn."""

import random
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import apsw

SECTOR = 512
NUMBERS = count()


class PowerCut(apsw.IOError):
    """Tell SQLite that the disk does not answer any more."""


class File:
    """Keep what is on the platter apart from what the system only promised to write."""

    def __init__(self, content: bytes = b"") -> None:
        self.synced = bytes(content)
        self.seen = bytearray(content)
        self.unsynced: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        self._put(self.seen, offset, data)
        self.unsynced.append((offset, data))

    def truncate(self, size: int) -> None:
        del self.seen[size:]
        self.unsynced.append((size, None))

    def sync(self) -> None:
        self.synced = bytes(self.seen)
        self.unsynced.clear()

    def survive(self, chance: random.Random) -> bytes:
        """Return the content after a power cut: any part of what was unsynced may be missing."""
        content = bytearray(self.synced)
        for offset, data in self.unsynced:
            if data is None:
                if chance.random() < 0.5:
                    del content[offset:]
                continue
            for start in range(0, len(data), SECTOR):
                sector = data[start : start + SECTOR]
                fate = chance.random()
                if fate < 0.4:
                    continue
                if fate < 0.5:
                    sector = sector[: chance.randrange(len(sector) + 1)]
                self._put(content, offset + start, sector)
        return bytes(content)

    @staticmethod
    def _put(content: bytearray, offset: int, data: bytes) -> None:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


class Disk(apsw.VFS):
    """Hold files, and fail for good after a number of writes and syncs."""

    def __init__(self, contents: dict[str, bytes], lasts: int | None = None) -> None:
        self.name = f"power-{next(NUMBERS)}"
        self.files = {name: File(content) for name, content in contents.items()}
        self.lasts = lasts
        self.done = 0
        self.room: int | None = None
        self.closing = False
        super().__init__(self.name, base="")

    def step(self) -> bool:
        """Count an operation and tell whether it happens: not after the power was cut.

        A connection that is being closed hears nothing of the cut: APSW would raise anywhere.
        """
        self.done += 1
        if self.lasts is None or self.done <= self.lasts:
            return True
        if self.closing:
            return False
        raise PowerCut("the power is cut")

    def grow(self) -> None:
        """Use up a write of the room that is left, if that is limited."""
        if self.room is not None:
            if self.room == 0:
                raise apsw.FullError("no room is left")
            self.room -= 1

    def survivors(self, chance: random.Random) -> dict[str, bytes]:
        """Return what the next start finds."""
        return {name: file.survive(chance) for name, file in self.files.items()}

    def xOpen(  # type: ignore[override]  # noqa: N802 - any object with these methods will do
        self, name: Any, flags: list[int]
    ) -> "Handle":
        path = name if isinstance(name, str) else name.filename()
        return Handle(self, self.files.setdefault(path, File()))

    def xAccess(self, path: str, flags: int) -> bool:  # noqa: N802 - APSW's name
        return path in self.files

    def xDelete(self, path: str, sync: bool) -> None:  # noqa: N802 - APSW's name
        if self.step():
            self.files.pop(path, None)

    def xFullPathname(self, path: str) -> str:  # noqa: N802 - APSW's name
        return path


class Handle:
    """Serve one open file to SQLite, under the names it uses."""

    def __init__(self, disk: Disk, file: File) -> None:
        self._disk = disk
        self._file = file

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.step():
            self._disk.grow()
            self._file.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        if self._disk.step():
            self._file.truncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._disk.step():
            self._file.sync()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._file.seen)

    def xLock(self, level: int) -> None:  # noqa: N802
        """Lock nothing: there is one connection."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """Unlock nothing."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, operation: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0

    def xClose(self) -> None:  # noqa: N802
        """Keep the file."""


class Rows(list[Any]):
    """Rows that were fetched already."""

    def fetchall(self) -> list[Any]:
        return self

    def fetchmany(self, size: int, /) -> list[Any]:
        taken = self[:size]
        del self[:size]
        return taken


class ApswConnection:
    """Look like the standard library's connection; ``synchronous`` overrides what is asked for."""

    def __init__(self, disk: Disk, path: str, synchronous: str) -> None:
        self._disk = disk
        self._connection = apsw.Connection(path, vfs=disk.name)
        self._synchronous = synchronous
        # Without shared memory the log needs the file for itself.
        try:
            self.execute("PRAGMA locking_mode=EXCLUSIVE")
            self.execute("PRAGMA wal_autocheckpoint=30")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self.close()
            raise

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        if sql.startswith("PRAGMA synchronous"):
            sql = f"PRAGMA synchronous={self._synchronous}"
        try:
            return Rows(self._connection.execute(sql, parameters).fetchall())
        except apsw.ConstraintError as error:
            raise sqlite3.IntegrityError(str(error)) from error
        except apsw.Error as error:
            told = sqlite3.OperationalError(str(error))
            full = isinstance(error, apsw.FullError)
            told.sqlite_errorcode = apsw.SQLITE_FULL if full else apsw.SQLITE_IOERR
            raise told from error

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> None:
        for row in rows:
            self.execute(sql, row)

    def close(self) -> None:
        self._disk.closing = True
        try:
            self._connection.close(True)
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error
