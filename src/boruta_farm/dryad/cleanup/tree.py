"""Walk a folder that a hostile user filled, and remove what is his: no link is ever followed.

Every step goes from an open folder to a name in it, never by a whole path, so that nobody can
put a link into the way. So many folders are open at a time, however deep the tree. Other file
systems are not entered: mounts are unmounted before, elsewhere.

Others live on the machine meanwhile, the sessions of other boards for instance. What they do to
their own folders keeps nobody from cleaning, and into the session's they get nothing any more.
"""

import contextlib
import errno
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

Granted = Callable[[str, int], bool]
"""Tells whether what bears a name in an open folder gives the session rights, which are taken."""

EXAMPLES: Final = 3
PASSES: Final = 5
"""A file system may skip names while others of the folder are removed, and somebody may move a
folder of his with the session's files in it: look again."""

HELD: Final = 64
"""Folders above the present one that stay open, so that nobody can move the way back."""

REPLACED: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What was a folder a moment ago is none any more."""


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
    """Remember one folder on the way down: who it is, and which folders in it are still to do.

    ``handle`` is open while it is not the present one, -1 where it is reached from below.
    """

    name: str
    identity: tuple[int, int]
    doomed: bool
    waiting: list[tuple[str, bool]] = field(default_factory=list)
    handle: int = -1


class Sweep:
    """Find, and remove where wanted, what belongs to a session below one folder.

    All in a folder that belongs to the session is the session's, whoever owns it. ``everything``
    takes the top for such a folder. What is not the session's stays, ``granted`` or not.
    """

    def __init__(
        self,
        owned: Owned,
        *,
        remove: bool,
        everything: bool = False,
        granted: Granted | None = None,
    ) -> None:
        self._owned = owned
        self._granted = granted
        self._remove = remove
        self._everything = everything
        self._missed = False
        self.tally = Tally()

    def sweep(self, top: int) -> Tally:
        """Go through the open folder ``top``, which stays. Raises OSError."""
        for _ in range(PASSES if self._remove else 1):
            before = self.tally.count
            self.tally.kept.clear()
            self._missed = False
            self._walk(os.dup(top))
            if self.tally.count == before and not self._missed:
                break
        return self.tally

    def _walk(self, here: int) -> None:
        """Go through the folder and all below it; closes ``here``."""
        status = os.fstat(here)
        device = status.st_dev
        levels = [_Level("", _identity(status), self._everything)]
        try:
            self._look(here, levels, device)
            while True:
                level = levels[-1]
                if level.waiting:
                    name, doomed = level.waiting.pop()
                    below = self._enter(here, name)
                    if below is not None:
                        if len(levels) <= HELD:
                            level.handle = here
                        else:
                            os.close(here)
                        here = below
                        levels.append(_Level(name, _identity(os.fstat(here)), doomed))
                        self._look(here, levels, device)
                elif len(levels) == 1:
                    return
                else:
                    levels.pop()
                    here, known = self._leave(here, levels)
                    if not known:
                        self._missed = True
                        if level.doomed:
                            self.tally.kept.append(f"{printable(level.name)} was moved meanwhile")
                    elif level.doomed and self._remove:
                        self._take(here, level.name, os.rmdir)
        finally:
            os.close(here)
            for level in levels:
                if level.handle >= 0:
                    os.close(level.handle)

    def _leave(self, here: int, levels: list[_Level]) -> tuple[int, bool]:
        """Return the folder above, open, and whether it is the one that was come from.

        Below those that are held somebody may have moved a folder of his: then it is the deepest
        held one, and what was still to do below that is left to the next pass. Closes ``here``.
        """
        known = True
        above = levels[-1].handle
        if above < 0:
            above = os.open("..", FOLDER, dir_fd=here)
            known = _identity(os.fstat(above)) == levels[-1].identity
        if not known:
            os.close(above)
            while levels[-1].handle < 0:
                levels.pop()
            above = levels[-1].handle
        os.close(here)
        levels[-1].handle = -1
        return above, known

    def _look(self, here: int, levels: list[_Level], device: int) -> None:
        """Deal with what lies in the folder; note the folders in it for later."""
        level = levels[-1]
        if level.doomed and self._remove:
            self._shut(here, inner=len(levels) > 1 and levels[-2].doomed)
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
                if doomed or self._gives(here, entry):
                    self.tally.add(entry.name)
                if not stat.S_ISDIR(status.st_mode):
                    if doomed and self._remove:
                        self._take(here, entry.name, os.unlink)
                elif status.st_dev == device:
                    level.waiting.append((entry.name, doomed))
                elif doomed:
                    self.tally.kept.append(f"{printable(entry.name)}: something is mounted there")

    def _gives(self, here: int, entry: "os.DirEntry[str]") -> bool:
        if self._granted is None or entry.is_symlink():
            return False
        try:
            return self._granted(entry.name, here)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                self.tally.kept.append(f"rights to {printable(entry.name)}: {error.strerror}")
            return False

    def _shut(self, here: int, *, inner: bool) -> None:
        """See that nobody puts anything more into a folder of the session's.

        Inside one, another may have made a folder of his own, which becomes root's. The outermost
        keeps its owner: by him it is found again, should this be cut short.
        """
        loosen_open(here)
        # What cannot be changed cannot be added to, or is told when it cannot be removed.
        with contextlib.suppress(OSError):
            if inner:
                os.fchown(here, 0, 0)
            os.fchmod(here, 0o700)

    def _enter(self, here: int, name: str) -> int | None:
        try:
            return os.open(name, FOLDER, dir_fd=here)
        except OSError as error:
            if error.errno in REPLACED:
                self._missed = True
            else:
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
