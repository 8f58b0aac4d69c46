"""Walk a folder that a hostile user filled, and remove what is his: no link is ever followed.

Every step goes from an open folder to a name in it, never by a whole path, so that nobody can
put a link into the way. One folder is open at a time, however deep the tree. Other file systems
are not entered: mounts are unmounted before, elsewhere.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from boruta_farm.dryad.cleanup.base import printable
from boruta_farm.dryad.cleanup.flags import loosen, loosen_open

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
Owned = Callable[[os.stat_result], bool]
"""Tells whether something belongs to the session."""

EXAMPLES: Final = 3
PASSES: Final = 3
"""A file system may skip names while others of the folder are removed: look again."""


@dataclass(slots=True)
class Tally:
    """Count what was found; ``kept`` names what could not be removed, with the reason."""

    count: int = 0
    examples: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(printable(name, 40))


@dataclass(slots=True)
class _Level:
    """Remember one folder on the way down: who it is, and which folders in it are still to do."""

    name: str
    identity: tuple[int, int]
    doomed: bool
    waiting: list[tuple[str, bool]] = field(default_factory=list)


class Sweep:
    """Find, and remove where wanted, what belongs to a session below one folder.

    All in a folder that belongs to the session is the session's, whoever owns it. ``everything``
    takes the top for such a folder.
    """

    def __init__(self, owned: Owned, *, remove: bool, everything: bool = False) -> None:
        self._owned = owned
        self._remove = remove
        self._everything = everything
        self.tally = Tally()

    def sweep(self, top: int) -> Tally:
        """Go through the open folder ``top``, which stays. Raises OSError."""
        for _ in range(PASSES if self._remove else 1):
            before = self.tally.count
            self.tally.kept.clear()
            self._walk(os.dup(top))
            if self.tally.count == before:
                break
        return self.tally

    def _walk(self, here: int) -> None:
        """Go through the folder and all below it; closes ``here``."""
        status = os.fstat(here)
        device = status.st_dev
        levels = [_Level("", _identity(status), self._everything)]
        try:
            self._look(here, levels[-1], device)
            while True:
                level = levels[-1]
                if level.waiting:
                    name, doomed = level.waiting.pop()
                    below = self._enter(here, name)
                    if below is not None:
                        os.close(here)
                        here = below
                        levels.append(_Level(name, _identity(os.fstat(here)), doomed))
                        self._look(here, levels[-1], device)
                elif len(levels) == 1:
                    return
                else:
                    levels.pop()
                    above = os.open("..", FOLDER, dir_fd=here)
                    os.close(here)
                    here = above
                    if _identity(os.fstat(here)) != levels[-1].identity:
                        self.tally.kept.append(f"{level.name} was moved meanwhile")
                        return
                    if level.doomed and self._remove:
                        self._take(here, level.name, os.rmdir)
        finally:
            os.close(here)

    def _look(self, here: int, level: _Level, device: int) -> None:
        """Deal with what lies in the folder; note the folders in it for later."""
        if level.doomed and self._remove:
            loosen_open(here)
        with os.scandir(here) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError as error:
                    # A dead FUSE mount, for instance; a name that went away is no trouble.
                    if not isinstance(error, FileNotFoundError) and level.doomed:
                        self.tally.kept.append(f"{printable(entry.name)}: {error.strerror}")
                    continue
                doomed = level.doomed or self._owned(status)
                if doomed:
                    self.tally.add(entry.name)
                if not stat.S_ISDIR(status.st_mode):
                    if doomed and self._remove:
                        self._take(here, entry.name, os.unlink)
                elif status.st_dev == device:
                    level.waiting.append((entry.name, doomed))
                elif doomed:
                    self.tally.kept.append(f"{printable(entry.name)}: something is mounted there")

    def _enter(self, here: int, name: str) -> int | None:
        try:
            return os.open(name, FOLDER, dir_fd=here)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.tally.kept.append(f"{printable(name)}: {error.strerror}")
            return None

    def _take(self, here: int, name: str, take: Callable[..., None]) -> None:
        """Remove a name, its flags first where they are in the way."""
        try:
            try:
                take(name, dir_fd=here)
            except PermissionError:
                if not loosen(name, here):
                    raise
                take(name, dir_fd=here)
        except FileNotFoundError:
            return
        except OSError as error:
            self.tally.kept.append(f"{printable(name)}: {error.strerror}")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
