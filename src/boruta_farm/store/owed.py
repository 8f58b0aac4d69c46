"""Ends that were enforced and not stored yet, kept over a crash in a file made beforehand."""

import json
import logging
import os
import zlib
from pathlib import Path

from boruta_farm.model.request import OwedEnd, RequestState

logger = logging.getLogger(__name__)

SLOT = 512
"""Bytes of one end: no more than a disk writes at once, so that none is half written."""
SLOTS = 512
LONGEST_REASON = 100


class OwedFile:
    """Keep ends in slots of a file whose room was taken when there was some.

    What is written here is overwritten in place, which a full disk does not refuse. It outlives a
    killed server at once, and a lost machine within moments.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._slots: dict[tuple[str, int], int] = {}

    def open(self) -> tuple[OwedEnd, ...]:
        """Take the room, and return what an earlier server left."""
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(self._path, flags, 0o600)
            content = os.pread(self._file, SLOT * SLOTS, 0)
            missing = SLOT * SLOTS - len(content)
            if missing:
                os.pwrite(self._file, bytes(missing), len(content))
                os.fsync(self._file)
        except OSError as error:
            self.close()
            logger.warning(
                "%s cannot be made: %s; ends that the database cannot take are lost with this "
                "server's process: see that the disk has room, and restart",
                self._path,
                error.strerror,
            )
            return ()
        found = {place: _read(content[place * SLOT :][:SLOT]) for place in range(SLOTS)}
        ends = {place: end for place, end in found.items() if end is not None}
        self._slots = {(end.worker, end.epoch): place for place, end in ends.items()}
        return tuple(ends.values())

    def close(self) -> None:
        """Let the file go; what is in it stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def enter(self, end: OwedEnd) -> None:
        """Keep an end until it is struck out; one that finds no room is told in the log."""
        key = (end.worker, end.epoch)
        taken = set(self._slots.values())
        free = (place for place in range(SLOTS) if place not in taken)
        place = self._slots[key] if key in self._slots else next(free, None)
        line = _line(end)
        if self._file is None or place is None or len(line) > SLOT:
            logger.warning("the end of request %d is kept in memory alone", end.request_id)
            return
        self._slots[key] = place
        self._write(place, line)

    def strike(self, worker: str, epoch: int) -> None:
        """Forget an end, which is stored now; harmless when it is not kept."""
        place = self._slots.pop((worker, epoch), None)
        if place is not None:
            self._write(place, b"")

    def _write(self, place: int, line: bytes) -> None:
        assert self._file is not None, "slots are taken in an open file only"
        try:
            os.pwrite(self._file, line.ljust(SLOT, b"\0"), place * SLOT)
            os.fdatasync(self._file)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._path, error.strerror)


def _line(end: OwedEnd) -> bytes:
    content = [end.worker, end.epoch, end.request_id, end.state, end.reason[:LONGEST_REASON]]
    text = json.dumps(content).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _read(slot: bytes) -> OwedEnd | None:
    """Return what a slot holds, None where it is empty or damaged."""
    checksum, _, text = slot.partition(b"\n")[0].partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    worker, epoch, request_id, state, reason = json.loads(text)
    return OwedEnd(
        worker=worker, epoch=epoch, request_id=request_id, state=RequestState(state), reason=reason
    )
