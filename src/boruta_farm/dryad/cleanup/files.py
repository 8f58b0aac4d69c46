"""Remove a session's files: its home, its mail, and what it left where everybody may write."""

import os
from pathlib import Path
from typing import Final

from boruta_farm.dryad.cleanup.base import Session, printable
from boruta_farm.dryad.cleanup.flags import loosen
from boruta_farm.dryad.cleanup.grants import find_grants
from boruta_farm.dryad.cleanup.tree import FOLDER, Granted, Sweep, Tally
from boruta_farm.dryad.proc.mounts import list_mounts
from boruta_farm.model.errors import BoardError

USUAL: Final = tuple(
    Path(path)
    for path in (
        *("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/run/user"),
        *("/run/screen", "/var/mail", "/var/spool/cron", "/var/spool/at", "/var/crash"),
    )
)
"""Folders of common systems to which a user can write, by itself or through a tool."""

WITHOUT_FILES: Final = frozenset(
    {"proc", "sysfs", "devpts", "cgroup", "cgroup2", "mqueue", "debugfs", "tracefs", "securityfs"}
    | {"bpf", "pstore", "configfs", "efivarfs", "binfmt_misc", "autofs", "hugetlbfs", "nsfs"}
    | {"rpc_pipefs", "selinuxfs", "nfs", "nfs4", "cifs", "squashfs", "iso9660", "erofs"}
)
"""File systems in which a session's user can leave nothing on this machine."""

BY_NAME: Final = tuple(
    Path(path)
    for path in (
        *("/var/mail", "/run/sudo/ts", "/var/lib/sudo/lectured", "/var/lib/systemd/linger"),
        *("/var/lib/AccountsService/users", "/var/spool/cron/crontabs", "/var/spool/cron"),
    )
)
"""Folders in which a file bears the account's name: the next user would inherit it."""


class Scratch:
    """Files outside the home that belong to one of the uids, or bear the account's name."""

    def __init__(
        self, usual: tuple[Path, ...] = USUAL, by_name: tuple[Path, ...] = BY_NAME
    ) -> None:
        self._usual = usual
        self._by_name = by_name

    def end(self, session: Session) -> list[str]:
        """Remove them; return a line for each folder. Raises BoardError."""
        return self._go(session, remove=True)

    def left(self, session: Session) -> list[str]:
        """Return what is there."""
        return self._go(session, remove=False)

    def _go(self, session: Session, *, remove: bool) -> list[str]:
        found: list[str] = []
        for folder in (*self._usual, *session.paths):
            found += _sweep(folder, session, remove=remove)
        for folder in self._by_name:
            found += _take_named(folder, session.name, remove=remove)
        return found


class Home:
    """The session's home, whoever owns what lies in it."""

    def end(self, session: Session) -> list[str]:
        """Remove it; return how much lay in it. Raises BoardError."""
        return _remove_tree(session.home.parent, session.home.name)

    def left(self, session: Session) -> list[str]:
        """Return that there is one."""
        return [f"the home {session.home}"] if os.path.lexists(session.home) else []


class Everywhere:
    """Files of the uids, and their rights to others, in all file systems, before one comes back.

    A session may have found a folder to write to that nobody thought of. What is there belongs to
    no one as long as its uid does not come back.
    """

    def end(self, session: Session) -> list[str]:
        """Remove them; takes as long as it takes to see every folder. Raises BoardError."""
        return self._go(session, remove=True)

    def left(self, session: Session) -> list[str]:
        """Return what is there."""
        return self._go(session, remove=False)

    def _go(self, session: Session, *, remove: bool) -> list[str]:
        def granted(name: str, folder: int) -> bool:
            return find_grants(name, folder, session.uids, remove=remove)

        found: list[str] = []
        for mount in list_mounts():
            if mount.kind not in WITHOUT_FILES and not mount.kind.startswith("fuse"):
                found += _sweep(Path(mount.point), session, remove=remove, granted=granted)
        return found


def sweep(
    top: int, session: Session, place: str, *, remove: bool, granted: Granted | None = None
) -> list[str]:
    """Find, and remove where wanted, what belongs to the uids in an open folder.

    With ``granted``, also what gives them rights, which it takes. Raises BoardError.
    """

    def owned(status: os.stat_result) -> bool:
        return status.st_uid in session.uids or status.st_gid in session.uids

    tally = Sweep(owned, remove=remove, granted=granted).sweep(top)
    _refuse(place, tally)
    return _words(tally, f"in {place}")


def _sweep(
    folder: Path, session: Session, *, remove: bool, granted: Granted | None = None
) -> list[str]:
    top = _open_folder(folder)
    if top is None:
        return []
    try:
        return sweep(top, session, str(folder), remove=remove, granted=granted)
    finally:
        os.close(top)


def _take_named(folder: Path, name: str, *, remove: bool) -> list[str]:
    top = _open_folder(folder)
    if top is None:
        return []
    try:
        if not _exists(name, top):
            return []
    finally:
        os.close(top)
    if remove:
        _remove_tree(folder, name)
    return [f"{folder / name}"]


def _remove_tree(folder: Path, name: str) -> list[str]:
    """Remove ``name`` in a folder of root's, with all in it. Raises BoardError."""
    top = _open_folder(folder)
    if top is None or not _exists(name, top):
        if top is not None:
            os.close(top)
        return []
    try:
        try:
            home = os.open(name, FOLDER, dir_fd=top)
        except NotADirectoryError:
            loosen(name, top)
            os.unlink(name, dir_fd=top)
            return [f"1 file: {folder / name}"]
        try:
            tally = Sweep(lambda _: True, remove=True, everything=True).sweep(home)
        finally:
            os.close(home)
        _refuse(str(folder / name), tally)
        os.rmdir(name, dir_fd=top)
    except OSError as error:
        raise BoardError(
            f"{folder / name} cannot be removed: {error.strerror}; remove it by hand"
        ) from error
    finally:
        os.close(top)
    return _words(tally, f"in {folder / name}")


def _open_folder(folder: Path) -> int | None:
    """Open a folder of the machine's own; links on the way to it are the machine's too."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BoardError(f"{folder} cannot be looked through: {error.strerror}") from error


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _refuse(folder: str, tally: Tally) -> None:
    if tally.kept:
        more = f" and {len(tally.kept) - 1} more" if len(tally.kept) > 1 else ""
        raise BoardError(
            f"{printable(folder)}: cannot be cleaned of {tally.kept[0]}{more}; remove it by hand"
        )


def _words(tally: Tally, where: str) -> list[str]:
    if not tally.count:
        return []
    noun = "file or folder" if tally.count == 1 else "files and folders"
    more = ", ..." if tally.count > len(tally.examples) else ""
    return [f"{tally.count} {noun} {where}: {', '.join(tally.examples)}{more}"]
