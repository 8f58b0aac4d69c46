"""Several boards on one host: each claims its user and uids, and no two may overlap."""

import fcntl
import os
from pathlib import Path
from typing import Final

from boruta_farm.dryad.uids import UidRange
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import ConfigError

FOLDER: Final = Path("/run/boruta/claims")
ACCOUNTS_LOCK: Final = ".accounts"
CLAIMING_LOCK: Final = ".claiming"


class Claim:
    """Hold one board's claim for as long as its agent or helper lives.

    Claims are locked files: the kernel gives up the claim of a process that dies.
    """

    def __init__(self, uuid: str, user: UserSettings, config: Path, folder: Path = FOLDER) -> None:
        self._uuid = uuid
        self._user = user
        self._config = config
        self._folder = folder
        self._file = -1

    def take(self) -> None:
        """Claim user and uids. Raises ConfigError naming the other board's claim."""
        if self._file >= 0:
            return
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with locked(self._folder / CLAIMING_LOCK):
            for other in self._folder.iterdir():
                if not other.name.startswith(".") and other.name != self._uuid:
                    self._compare(other)
            file = os.open(self._folder / self._uuid, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                raise ConfigError(
                    f"{self._config}: caps.UUID: another agent on this host keeps the board "
                    f"{self._uuid}; stop it, or give this board a UUID of its own"
                ) from None
            os.ftruncate(file, 0)
            os.write(file, f"{self._user.name} {self._user.uids}\n".encode())
            self._file = file

    def release(self) -> None:
        """Give the claim up."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _compare(self, other: Path) -> None:
        """Hold our claim against another board's, unless that is a dead one's."""
        file = os.open(other, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            name, _, text = os.read(file, 256).decode().strip().partition(" ")
        finally:
            os.close(file)
        uids = UidRange.parse(text)
        if name == self._user.name:
            raise ConfigError(
                f"{self._config}: user.name: the board {other.name} on this host has the session "
                f"user {name!r} already; give this board another"
            )
        if uids is not None and self._user.uids.overlaps(uids):
            raise ConfigError(
                f"{self._config}: user.uids: {self._user.uids} overlaps {text}, which belongs to "
                f"the board {other.name} on this host; give this board uids of its own"
            )


class locked:  # noqa: N801  # a context manager reads as a verb
    """Hold a lock file for the block; waits for whoever holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def __enter__(self) -> None:
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
