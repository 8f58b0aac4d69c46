"""The data folder: made private, and used by one server at a time."""

import fcntl
import os
from pathlib import Path

from boruta_farm.model.errors import ConfigError

LOCK_FILE = "server.lock"
DATABASE_FILE = "boruta.db"


class DataFolder:
    """Hold the data folder for this process; the lock goes with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folder if it is missing and take its lock.

        Raises ConfigError when it cannot be used or another server holds it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock = os.open(self.path / LOCK_FILE, flags, 0o600)
        except OSError as error:
            raise ConfigError(
                f"data: {self.path} cannot be used ({error.strerror}); name another folder with "
                "--data, or mend its owner and permissions"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ConfigError(
                f"data: another server uses {self.path}; stop it, or name another folder "
                "with --data"
            ) from None

    def close(self) -> None:
        """Give the folder up."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
