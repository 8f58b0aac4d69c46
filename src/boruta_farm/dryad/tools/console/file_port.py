"""A port that is a file of the system's, and what all such have in common."""

import errno
import os
import select
import time
from typing import Final

PIECE: Final = 64 * 1024
TAKEN_WITHIN: Final = 10.0
"""Seconds for which a port may take nothing before a write is given up."""


class FilePort:
    """Read and write a descriptor, which is closed with the port."""

    def __init__(self, file: int) -> None:
        self._file = file
        os.set_blocking(file, False)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._file

    def read(self) -> bytes:
        """Return what is there."""
        try:
            data = os.read(self._file, PIECE)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError(errno.EIO, "it was closed at the other end")
        return data

    def write(self, data: bytes) -> None:
        """Send all bytes."""
        left = memoryview(data)
        until = time.monotonic() + TAKEN_WITHIN
        while left:
            _, ready, _ = select.select((), (self._file,), (), max(until - time.monotonic(), 0))
            if not ready:
                raise TimeoutError(f"it took nothing for {TAKEN_WITHIN:g} s; see its flow control")
            try:
                done = os.write(self._file, left)
            except BlockingIOError:
                continue
            left = left[done:]
            until = time.monotonic() + TAKEN_WITHIN

    def send_break(self) -> None:
        """Refuse: only a real port knows a break."""
        raise NotImplementedError("this console knows no break")

    def close(self) -> None:
        """Close the descriptor."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
