"""Messages on the terminals of users who are logged in, as ``wall`` writes them."""

import errno
import logging
import os
import stat
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

PSEUDO_TERMINALS: Final = Path("/dev/pts")
_GONE: Final = frozenset({errno.ENOENT, errno.EIO, errno.ENXIO, errno.EAGAIN})
"""The terminal was closed just now, or its user has stopped the output."""


def message_bytes(message: str) -> bytes:
    """Return a message as it goes to a terminal: a bell, on lines of its own, nothing else.

    What is not printable ASCII becomes a question mark, so that no message drives a terminal.
    """
    line = "".join(letter if " " <= letter <= "~" else "?" for letter in message)
    return f"\a\r\n*** {line} ***\r\n".encode("ascii")


def write_to_terminals(uid: int, message: str, folder: Path = PSEUDO_TERMINALS) -> int:
    """Show a message on every terminal that belongs to the user; return how many took it.

    It never waits for a terminal: one whose output was stopped is left out. Raises OSError when
    a terminal cannot be written to at all.
    """
    data = message_bytes(message)
    entries = [entry for entry in sorted(folder.iterdir()) if entry.name.isdecimal()]
    return sum(_write(entry, uid, data) for entry in entries)


def _write(terminal: Path, uid: int, data: bytes) -> bool:
    try:
        if not _is_terminal_of(terminal.lstat(), uid):
            return False
        flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW
        descriptor = os.open(terminal, flags)
        try:
            # Between the two looks the number may have been given to somebody else.
            if not _is_terminal_of(os.fstat(descriptor), uid):
                return False
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _GONE:
            raise
        logger.info("%s was not written to: %s", terminal, error.strerror)
        return False
    return True


def _is_terminal_of(status: os.stat_result, uid: int) -> bool:
    return status.st_uid == uid and stat.S_ISCHR(status.st_mode)
