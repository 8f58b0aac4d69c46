"""Unmount what a session mounted: sshfs and other FUSE mounts, and whatever lies on its home."""

import ctypes
import os
import re
from pathlib import Path
from typing import Final

from boruta_farm.dryad.cleanup.base import Session, printable, summary
from boruta_farm.dryad.proc.mounts import Mount, lies_in, list_mounts
from boruta_farm.dryad.uids import UidRange
from boruta_farm.model.errors import BoardError

MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
ROUNDS: Final = 1000
"""How many mounts may lie on each other before it is called a failure."""


class Mounts:
    """The mounts that belong to a session.

    They are those of FUSE in its uid's name, those at or below its home and its runtime folder,
    and those below a folder that it owns. A mount that a session with root's rights put elsewhere
    cannot be told from the machine's own.
    """

    def end(self, session: Session) -> list[str]:
        """Unmount them, the latest first. Raises BoardError."""
        found: list[str] = []
        for _ in range(ROUNDS):
            mounts = find_mounts(session)
            if not mounts:
                return summary(found, "mount", "mounts")
            found.append(_words(mounts[-1]))
            unmount(mounts[-1].point)
        raise BoardError(f"more than {ROUNDS} mounts of the session, such as {found[-1]}")

    def left(self, session: Session) -> list[str]:
        """Return what is mounted."""
        return summary(map(_words, find_mounts(session)), "mount", "mounts")


def find_mounts(session: Session) -> list[Mount]:
    """Return the session's mounts in the order in which the kernel lists them."""
    return [mount for mount in list_mounts() if _belongs(mount, session)]


def unmount(point: str) -> None:
    """Take a mount away; one that is busy vanishes now and ends when it is no longer used.

    A link in place of the mount point is not followed. Raises BoardError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (UMOUNT_NOFOLLOW, UMOUNT_NOFOLLOW | MNT_DETACH):
        if libc.umount2(os.fsencode(point), flags) == 0:
            return
    words = os.strerror(ctypes.get_errno())
    raise BoardError(f"{printable(point)} is mounted and cannot be unmounted: {words}")


def _belongs(mount: Mount, session: Session) -> bool:
    if mount.kind.startswith("fuse") and _fuse_user(mount.options) in session.uids:
        return True
    if lies_in(mount.point, str(session.home)):
        return True
    runtime = re.match(r"/run/user/(\d+)(/|$)", mount.point)
    if runtime is not None and int(runtime[1]) in session.uids:
        return True
    return _below_owned(mount.point, session.uids)


def _fuse_user(options: str) -> int | None:
    match = re.search(r"(?:^|,)user_id=(\d+)(?:,|$)", options)
    return int(match[1]) if match else None


def _below_owned(point: str, uids: UidRange) -> bool:
    """Tell whether a folder above the mount point belongs to one of the uids."""
    for folder in list(Path(point).parents)[:-1]:
        try:
            if os.lstat(folder).st_uid in uids:
                return True
        except OSError:
            continue
    return False


def _words(mount: Mount) -> str:
    return f"{mount.kind} at {printable(mount.point)}"
