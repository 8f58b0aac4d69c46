"""Files of a session in a folder that some server of the lab serves to the device."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import BoardError

SESSION: Final = "session"
"""The folder below the served one that belongs to the agent, with all that lies in it."""


MOST_FILES: Final = 1000
"""Files of one session: empty ones take no bytes, but the disk's places for files."""


class PublishedFiles:
    """Keep them, whole or not at all, with at most ``most`` bytes together."""

    def __init__(self, served: Path | None, most: int) -> None:
        self._served = served
        self._most = most

    async def add(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Write a file, in place of one of that name. Raises BoardError."""
        if self._served is None:
            raise BoardError("nothing is served to this device; its admin sets 'folder'")
        folder = self._served / SESSION
        new = folder / f".{name}.new"
        try:
            folder.mkdir(exist_ok=True)
            there = (entry for entry in folder.iterdir() if entry.name not in (name, new.name))
            sizes = [entry.stat().st_size for entry in there]
            if len(sizes) >= MOST_FILES:
                raise BoardError(f"{MOST_FILES} files are published already; withdraw them first")
            room = self._most - sum(sizes)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "wb") as to:
                async for data in content:
                    room -= len(data)
                    if room < 0:
                        raise BoardError(
                            f"{name} is larger than the room that published files have"
                        )
                    to.write(data)
            new.replace(folder / name)
        except OSError as error:
            raise BoardError(f"{folder / name} cannot be written: {error.strerror}") from None
        finally:
            new.unlink(missing_ok=True)

    def remove(self) -> tuple[str, ...]:
        """Remove all, also what an agent before this one left; return the names."""
        if self._served is None:
            return ()
        folder = self._served / SESSION
        try:
            found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
            if found:
                shutil.rmtree(folder)
        except OSError as error:
            raise BoardError(f"{folder} cannot be removed: {error.strerror}") from None
        return tuple(found)
