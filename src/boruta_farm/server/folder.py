"""The data folder: made private, and used by one server at a time."""

import errno
import fcntl
import logging
import os
from pathlib import Path

from boruta_farm.model.errors import ConfigError
from boruta_farm.server.sign import Sign, networked
from boruta_farm.settings.privacy import check_private, keep_others_out

logger = logging.getLogger(__name__)

LOCK_FILE = "server.lock"
DATABASE_FILE = "boruta.db"
OWED_FILE = "owed.ends"


class DataFolder:
    """Hold the data folder for this process; the lock goes with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self.sign: Sign | None = None
        """What servers of other machines see, where those may have the folder, too."""

    def open(self) -> None:
        """Make the folder if it is missing and take its lock.

        Raises ConfigError when it cannot be used, others could have changed what lies there, or
        another server holds it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            keep_others_out(self.path, "data")
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock = os.open(self.path / LOCK_FILE, flags, 0o600)
        except OSError as error:
            raise self._unusable(error.errno) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ConfigError(
                f"data: another server uses {self.path}; stop it, or name another folder "
                "with --data"
            ) from None
        if networked(self.path):
            self._put_sign(Sign(self.path / LOCK_FILE))

    def _put_sign(self, sign: Sign) -> None:
        try:
            sign.put()
        except OSError as error:
            self.close()
            raise self._unusable(error.errno) from None
        except ConfigError:
            self.close()
            raise
        self.sign = sign

    def check(self) -> None:
        """Refuse a folder that ``open`` could not make or write to, but change nothing.

        That another server holds it is no trouble. Raises ConfigError.
        """
        nearest = self.path.absolute()
        while not os.path.lexists(nearest):
            nearest = nearest.parent
        if not nearest.is_dir():
            raise self._unusable(errno.EEXIST if nearest == self.path else errno.ENOTDIR)
        if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
            raise self._unusable(errno.EACCES)
        if nearest == self.path.absolute():
            check_private(nearest, "data")

    def _unusable(self, number: int | None) -> ConfigError:
        return ConfigError(
            f"data: {self.path} cannot be used ({os.strerror(number or errno.EIO)}); name another "
            "folder with --data, or mend its owner and permissions"
        )

    def close(self) -> None:
        """Give the folder up."""
        sign, self.sign = self.sign, None
        if sign is not None:
            try:
                sign.take_away()
            except OSError as error:
                # The next server then waits some seconds, as after a crash.
                logger.warning("%s: %s", self.path / LOCK_FILE, error.strerror)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
