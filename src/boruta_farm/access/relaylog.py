"""The log of a process that a server has started: beside the data, bounded, for its owner alone."""

import logging.handlers
import os
from io import TextIOWrapper
from pathlib import Path
from typing import Final

STDERR: Final = 2

LOG: Final = "relay.log"
LARGEST: Final = 1024 * 1024
"""Bytes after which it is begun anew; the one before it is kept, too."""


def open_log(folder: Path, name: str = LOG) -> int:
    """Return a descriptor by which lines are added, to a new file where there is none.

    It tells addresses of users: nobody else's, whatever the folder is like. Raises OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(folder / name, flags, 0o600)


class RelayLog(logging.handlers.RotatingFileHandler):
    """Write the log, and begin it anew before it is too large: a relay may live for years.

    What Python itself complains about goes there as well.
    """

    def __init__(self, folder: Path, largest: int = LARGEST, name: str = LOG) -> None:
        self._folder = folder
        self._file = name
        super().__init__(folder / name, maxBytes=largest, backupCount=1)

    def _open(self) -> TextIOWrapper:
        added = open_log(self._folder, self._file)
        file = os.fdopen(added, "a", encoding="utf-8", errors="backslashreplace")
        os.dup2(file.fileno(), STDERR)
        return file
