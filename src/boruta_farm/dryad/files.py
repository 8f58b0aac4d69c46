"""Files that survive a power cut and that nobody else may read."""

import fcntl
import os
import stat
from pathlib import Path

from boruta_farm.model.errors import ConfigError, StoreError
from boruta_farm.settings.privacy import keep_others_out


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file at once; when this returns, a power cut cannot undo it. Raises StoreError."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written: {error.strerror}; see that the disk is writable and "
            "has room, then restart the agent"
        ) from error


def replaceable(path: Path, owners: frozenset[int]) -> str:
    """Return why somebody else could put another thing in a path's place, empty when nobody can.

    The path and every folder above it must belong to one of the owners, and nobody else may
    write to them; a folder with the sticky bit keeps others from it. Raises OSError.
    """
    real = path.resolve(strict=True)
    for place in (real, *real.parents):
        status = place.stat()
        if status.st_uid not in owners:
            return f"{place} belongs to uid {status.st_uid}; give it to root: chown root {place}"
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_mode & 0o022 and not sticky:
            return f"others may write to {place}; take that from them: chmod go-w {place}"
    return ""


def rename_durably(source: Path, target: Path) -> None:
    """Put a file in another's place; when this returns, a power cut cannot undo it.

    Raises StoreError.
    """
    try:
        source.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise StoreError(
            f"{target}: cannot be replaced: {error.strerror}; see that the disk is writable, then "
            "restart the agent"
        ) from error


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class LockedFolder:
    """A folder of the agent, for nobody else to read, locked against a second agent.

    ``setting`` is the word of the configuration by which errors name it.
    """

    def __init__(self, path: Path, setting: str) -> None:
        self.path = path
        self._setting = setting
        self._lock = -1

    def open(self) -> None:
        """Make and lock the folder. Raises ConfigError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            keep_others_out(self.path, self._setting)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{self._setting}: the folder {self.path} cannot be used: {error.strerror}"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise ConfigError(
                f"{self._setting}: another agent uses {self.path}; stop it, or configure another "
                "folder"
            ) from error
        self._lock = lock

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
