"""The bytes of an image as it was given: counted, summed, and no fewer than were promised."""

import hashlib
import io
import os
import select
import stat
from collections.abc import Callable
from typing import Final

from boruta_farm.dryad.images.errors import ImageError, size

HEAD: Final = 1024
"""Bytes by which an image's form is told."""

Take = Callable[[memoryview], int]
"""Fill the beginning of a buffer and return how many bytes; 0 at the end."""


class Source(io.RawIOBase):
    """Read what ``take`` gives; ``length`` is how much it has promised, None where unknown.

    What has been read is given to ``tee``, too. Reading raises ImageError for a source that ends
    early, or fails.
    """

    def __init__(
        self,
        take: Take,
        *,
        length: int | None = None,
        summed: bool = False,
        tee: Callable[[memoryview], None] | None = None,
    ) -> None:
        super().__init__()
        self.done = 0
        self.length = length
        self._take = take
        self._sum = hashlib.sha256() if summed else None
        self._tee = tee
        self._head = b""

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def head(self) -> bytes:
        """Return the first bytes, which ``readinto`` returns again."""
        view = memoryview(bytearray(HEAD))
        self._head = bytes(view[: fill(self, view)])
        self.done -= len(self._head)
        return self._head

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill a buffer's beginning; return how many bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        if self._head:
            count = min(len(self._head), len(view))
            view[:count] = self._head[:count]
            self._head = self._head[count:]
        else:
            count = self._fresh(view)
        self.done += count
        return count

    def hexdigest(self) -> str:
        """Return the sha256 of all that was read."""
        return "" if self._sum is None else self._sum.hexdigest()

    def _fresh(self, view: memoryview) -> int:
        left = None if self.length is None else self.length - self.done
        if left is not None:
            view = view[:left]
        count = self._take(view) if len(view) else 0
        if left and not count:
            raise ImageError(
                f"the image ended after {size(self.done)} of the {size(self.length or 0)} that "
                "were told; was the transfer cut off?"
            )
        if self._sum is not None:
            self._sum.update(view[:count])
        if self._tee is not None:
            self._tee(view[:count])
        return count


def take_from(descriptor: int) -> Take:
    """Return how a file, pipe or socket is read, whether or not it blocks."""

    def take(view: memoryview) -> int:
        while True:
            try:
                return os.readv(descriptor, [view])
            except BlockingIOError:
                wait_for(descriptor, select.POLLIN)
            except OSError as error:
                raise ImageError(f"the image cannot be read: {error.strerror}") from None

    return take


def length_of(descriptor: int) -> int | None:
    """Return the bytes that are left in a file, None for what is none."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        return None
    return max(found.st_size - os.lseek(descriptor, 0, os.SEEK_CUR), 0)


def wait_for(descriptor: int, event: int) -> None:
    """Wait until a descriptor that does not block can be read or written."""
    poll = select.poll()
    poll.register(descriptor, event)
    poll.poll()


def fill(stream: io.RawIOBase | io.BufferedIOBase, view: memoryview) -> int:
    """Read until the buffer is full or the stream has ended; return the number of bytes."""
    done = 0
    while done < len(view):
        count = stream.readinto(view[done:])
        if not count:
            break
        done += count
    return done
