"""The medium's end: written and read past the page cache, so that what is told is so."""

import fcntl
import mmap
import os
import select
import stat
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.images.errors import ImageError, medium_failed, size
from boruta_farm.dryad.images.source import wait_for

ALIGNED: Final = 4096
"""What direct input and output goes by; no device of ours wants more."""

BLOCK: Final = 1 << 20
"""Bytes that are on their way at a time: larger ones fall out of the processor's caches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a medium, in bytes: nothing else of it is touched."""

    start: int
    length: int


class Medium:
    """A device, a file that stands for one, or a pipe to a program that writes one.

    ``capacity`` is None where that cannot be asked. A file is as large as it is, unless it
    ``grows``: that is written from its beginning to its end, as a pipe is, and ``room`` is how much
    it may take of the disk below it. With a ``window``, it is that part alone, and offsets count
    from its start.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        grows: bool = False,
        room: int | None = None,
        window: Window | None = None,
    ) -> None:
        self.descriptor = descriptor
        mode = os.fstat(descriptor).st_mode
        self.seekable = not grows and (stat.S_ISBLK(mode) or stat.S_ISREG(mode))
        self.capacity = os.lseek(descriptor, 0, os.SEEK_END) if self.seekable else None
        self._room = room
        self._direct = False
        self._can_be_direct = self.seekable
        self._start = 0
        if window is not None:
            self._start, self.capacity = window.start, window.length
        if self.capacity == 0:
            raise ImageError("there is no medium in the reader, or it holds nothing at all")

    def write(self, view: memoryview, offset: int) -> None:
        """Write all of it. Raises ImageError."""
        if self.capacity is not None and offset + len(view) > self.capacity:
            raise ImageError(f"the image is larger than the medium, which has {self._told()}")
        if self._room is not None and offset + len(view) > self._room:
            raise ImageError(
                f"the image is larger than what the supervisor's disk has room for, "
                f"{size(self._room)}"
            )
        try:
            while len(view):
                count = self._write_some(view, offset)
                view, offset = view[count:], offset + count
        except OSError as error:
            raise medium_failed(error, "written", offset) from None

    def read(self, view: memoryview, offset: int) -> int:
        """Fill the buffer as far as the medium goes; return how many bytes. Raises ImageError."""
        done = 0
        try:
            while done < len(view):
                count = self._read_some(view[done:], offset + done)
                if not count:
                    break
                done += count
        except OSError as error:
            raise medium_failed(error, "read", offset + done) from None
        return done

    def sync(self) -> None:
        """Return when the medium itself has all. Raises ImageError."""
        if not self.seekable:
            return
        try:
            os.fsync(self.descriptor)
            # Where there is no direct reading, what is read next must not come from memory.
            os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            raise medium_failed(error, "written", 0) from None

    def _write_some(self, view: memoryview, offset: int) -> int:
        if not self.seekable:
            try:
                return os.write(self.descriptor, view)
            except BlockingIOError:
                wait_for(self.descriptor, select.POLLOUT)
                return 0
        whole, place = len(view) - len(view) % ALIGNED, self._start + offset
        direct = self._go_direct(place % ALIGNED == 0 and whole > 0)
        return os.pwrite(self.descriptor, view[:whole] if direct else view, place)

    def _read_some(self, view: memoryview, offset: int) -> int:
        if not self.seekable:
            return os.readv(self.descriptor, [view])
        assert self.capacity is not None
        view = view[: max(self.capacity - offset, 0)]
        whole, place = len(view) - len(view) % ALIGNED, self._start + offset
        direct = self._go_direct(place % ALIGNED == 0 and whole > 0)
        return os.preadv(self.descriptor, [view[:whole] if direct else view], place)

    def _go_direct(self, wanted: bool) -> bool:
        """Switch past the page cache where it can be; some file systems cannot at all."""
        wanted = wanted and self._can_be_direct
        if wanted is not self._direct:
            flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL) & ~os.O_DIRECT
            try:
                fcntl.fcntl(self.descriptor, fcntl.F_SETFL, flags | (os.O_DIRECT * wanted))
            except OSError:
                self._can_be_direct = False
                return False
            self._direct = wanted
        return self._direct

    def _told(self) -> str:
        return f"{size(self.capacity or 0)} ({self.capacity} bytes)"


def new_buffer() -> memoryview:
    """Return a block of memory that direct input and output can use."""
    return memoryview(mmap.mmap(-1, BLOCK))
