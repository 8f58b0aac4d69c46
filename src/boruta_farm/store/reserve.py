"""Room kept on the disk, so that what must end can be stored when nothing else can."""

import logging
import os
import threading
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from boruta_farm.model.errors import StorageFullError
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from boruta_farm.store.overlay import Layer

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
SUFFIX = "-reserve"
LIVING = (RequestState.WAITING, RequestState.IN_PROGRESS)
SET_ASIDE = (WorkerState.BUSY, WorkerState.MAINTENANCE, WorkerState.FAILED)


class Level(IntEnum):
    """How much room there is: for all, for all but new requests, or for ends alone."""

    ROOM = 0
    LOW = 1
    SPENT = 2


class DiskRoom(Protocol):
    """Judge what may still be written."""

    def look(self) -> None:
        """Find out how much room there is."""
        ...

    def refusal(self, layer: Layer, *, filed: bool) -> StorageFullError | None:
        """Return why a command's changes may not be written, None when they may."""
        ...

    def spend(self) -> bool:
        """Give the reserve to ends, since the disk is full; False when that was done before."""
        ...

    def trouble(self) -> str | None:
        """Return what is refused for want of room, None for nothing."""
        ...

    def level(self) -> Level:
        """Return how much room there was at the last look."""
        ...


class Unbounded:
    """Have no reserve: the database lies elsewhere, or in memory."""

    def look(self) -> None:
        """Do nothing."""

    def refusal(self, layer: Layer, *, filed: bool) -> StorageFullError | None:
        """Refuse nothing: the database does when its disk is full."""
        return None

    def spend(self) -> bool:
        """Return False: there is nothing to give."""
        return False

    def trouble(self) -> str | None:
        """Return None."""
        return None

    def level(self) -> Level:
        """Return that there is room."""
        return Level.ROOM


class Reserve:
    """Keep a file of ``size`` bytes beside the database, and remove it when the disk is full.

    New requests are refused before that, once less than ``size`` is left besides the file. Then
    what the file gave back is for ends alone, until the file can be made again with as much left
    besides. The file is removed at the end, and made at the start.
    """

    def __init__(self, database: Path, size: int) -> None:
        self._path = database.with_name(database.name + SUFFIX)
        self._size = size
        self._lock = threading.Lock()
        self._level = Level.SPENT
        self._free = 0

    def open(self) -> None:
        """Make the file where there is room for it."""
        self._path.unlink(missing_ok=True)
        self.look()

    def close(self) -> None:
        """Give the room back."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            self._level = Level.SPENT

    def look(self) -> None:
        """Find out how much room there is, and rebuild the reserve where there is enough."""
        with self._lock:
            self._free = self._left()
            if self._level is Level.SPENT and self._free >= 2 * self._size and self._build():
                self._free = self._left()
                self._move(Level.ROOM)
            if self._level is not Level.SPENT:
                self._move(Level.LOW if self._free < self._size else Level.ROOM)

    def refusal(self, layer: Layer, *, filed: bool) -> StorageFullError | None:
        """Return why a command's changes may not be written, None when they may."""
        if self._level is Level.ROOM or not layer:
            return None
        if (filed and self._level is Level.LOW) or (
            self._level is Level.SPENT and not serves_an_end(layer)
        ):
            return StorageFullError(self._words())
        return None

    def spend(self) -> bool:
        """Remove the file; False when that was done before."""
        with self._lock:
            if self._level is Level.SPENT:
                return False
            self._path.unlink(missing_ok=True)
            self._free = self._left()
            self._move(Level.SPENT)
            return True

    def trouble(self) -> str | None:
        """Return what is refused for want of room; looks, so that it tells the present."""
        self.look()
        return None if self._level is Level.ROOM else self._words()

    def level(self) -> Level:
        """Return how much room there was at the last look."""
        return self._level

    def _left(self) -> int:
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize

    def _build(self) -> bool:
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, max(1, self._size))
            finally:
                os.close(handle)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            logger.debug("no reserve can be made: %s", error)
            return False
        return True

    def _move(self, level: Level) -> None:
        if level is self._level:
            return
        before, self._level = self._level, level
        if level is Level.ROOM and before is Level.LOW:
            logger.info("there is room again on the disk of %s", self._path.parent)
        elif level is Level.ROOM:
            logger.info("a reserve of %d MiB is kept in %s", self._size // MIB, self._path.parent)
        else:
            logger.error("%s", self._words())

    def _words(self) -> str:
        what = "new requests are" if self._level is Level.LOW else "all but what ends is"
        wanted = self._size if self._level is Level.LOW else 2 * self._size
        missing = max(1, -(-(wanted - self._free) // MIB))
        return (
            f"the disk that holds {self._path.parent} is full: {what} refused until {missing} MiB "
            "more are free there; running jobs still end on time"
        )


def serves_an_end(layer: Layer) -> bool:
    """Tell whether changes take something from somebody: a board, a place, a right."""
    return (
        any(job.phase is JobPhase.ENDED for job in layer.jobs.values())
        or any(request.state not in LIVING for request in layer.requests.values())
        or any(w is None or w.state in SET_ASIDE for w in layer.workers.values())
        or any(record is None for record in layer.people.values())
    )
