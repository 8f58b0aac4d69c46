"""The one folder of this machine whose files an agent may give to boards and take from them."""

import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boruta_farm.model.errors import BorutaError


class FolderError(BorutaError):
    """the file is not one that this agent may use"""

    code = "file-refused"


class SharedFolder:
    """Name files below a folder, and no others, whatever links lie there."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def __str__(self) -> str:
        return str(self._root)

    def existing(self, name: str) -> Path:
        """Return a regular file. Raises FolderError."""
        path = self._below(name)
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            raise FolderError(f"{name[:200]!r} cannot be read: {error.strerror}") from None
        if not stat.S_ISREG(mode):
            raise FolderError(f"{name!r} is no file; name one file, in {self._root}")
        return path

    @contextmanager
    def arriving(self, name: str) -> Iterator[Path]:
        """Lend a place for a file that is to arrive; it is put in place when the block ends well.

        Whatever arrived but a regular file is dropped. Raises FolderError.
        """
        place = self._below(name)
        try:
            if place.is_dir() or not place.parent.is_dir():
                raise FolderError(f"{name!r} is no place for a file; its folder must be there")
            with tempfile.TemporaryDirectory(prefix=".boruta-", dir=place.parent) as folder:
                fresh = Path(folder) / "arrived"
                yield fresh
                if not fresh.is_file() or fresh.is_symlink():
                    raise FolderError(f"what arrived for {name!r} is no file")
                fresh.chmod(0o644)
                fresh.replace(place)
        except OSError as error:
            raise FolderError(f"{name[:200]!r} cannot be written: {error.strerror}") from None

    def _below(self, name: str) -> Path:
        if not name or "\0" in name:
            raise FolderError("name a file")
        try:
            path = (self._root / name).resolve()
        except (OSError, RuntimeError):
            raise FolderError(f"{name!r} leads nowhere") from None
        if path == self._root or not path.is_relative_to(self._root):
            raise FolderError(f"{name!r} is outside of {self._root}, the folder of this agent")
        return path
