"""Take the flags off a file that keep root itself from removing it: immutable, append-only."""

import fcntl
import os
import stat
import struct
from typing import Final

LONG: Final = struct.calcsize("l")
GET_FLAGS: Final = (2 << 30) | (LONG << 16) | (ord("f") << 8) | 1
SET_FLAGS: Final = (1 << 30) | (LONG << 16) | (ord("f") << 8) | 2
APPEND_ONLY, IMMUTABLE = 0x20, 0x10
OPENING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def loosen(name: str, folder: int) -> bool:
    """Take the flags off ``name`` in the open folder; tell whether there were any.

    Only regular files and folders are opened: opening a device or a pipe may have effects.
    Raises OSError.
    """
    kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        return False
    handle = os.open(name, OPENING, dir_fd=folder)
    try:
        return loosen_open(handle)
    finally:
        os.close(handle)


def loosen_open(handle: int) -> bool:
    """Take the flags off an open file or folder; file systems without flags have none."""
    try:
        flags = struct.unpack("i", fcntl.ioctl(handle, GET_FLAGS, bytes(4)))[0]
    except OSError:
        return False
    if not flags & (APPEND_ONLY | IMMUTABLE):
        return False
    fcntl.ioctl(handle, SET_FLAGS, struct.pack("i", flags & ~(APPEND_ONLY | IMMUTABLE)))
    return True
