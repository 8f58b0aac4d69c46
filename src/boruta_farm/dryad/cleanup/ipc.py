"""Remove System V shared memory, semaphores and message queues of a board's uids."""

import ctypes
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.cleanup.base import Session, summary
from boruta_farm.dryad.users.settings import UidRange
from boruta_farm.model.errors import BoardError

TABLES: Final = Path("/proc/sysvipc")
KINDS: Final = {
    "shm": ("shmid", "shared memory"),
    "sem": ("semid", "semaphores"),
    "msg": ("msqid", "message queue"),
}
IPC_RMID: Final = 0
SHM_DEST: Final = 0o1000
GONE: Final = frozenset({errno.EINVAL, errno.EIDRM})


@dataclass(frozen=True, slots=True, kw_only=True)
class IpcObject:
    """Name one object of the kernel."""

    kind: str
    number: int

    def __str__(self) -> str:
        return f"{KINDS[self.kind][1]} {self.number}"


class SystemVIpc:
    """The objects that one of the uids owns or has made."""

    def end(self, session: Session) -> list[str]:
        """Remove them. Raises BoardError."""
        found = list(find_objects(session.uids))
        for thing in found:
            remove(thing)
        return summary(map(str, found), "IPC object", "IPC objects")

    def left(self, session: Session) -> list[str]:
        """Return what is there."""
        return summary(map(str, find_objects(session.uids)), "IPC object", "IPC objects")


def find_objects(uids: UidRange) -> Iterator[IpcObject]:
    """Yield the objects; a kernel without System V IPC has none."""
    for kind, (number, _) in KINDS.items():
        try:
            lines = (TABLES / kind).read_text().splitlines()
        except FileNotFoundError:
            continue
        names = lines[0].split()
        for line in lines[1:]:
            row = dict(zip(names, line.split(), strict=True))
            # A removed segment keeps its row, without a key, while somebody else is attached.
            removed = int(row["perms"], 8) & SHM_DEST
            if not removed and (int(row["uid"]) in uids or int(row["cuid"]) in uids):
                yield IpcObject(kind=kind, number=int(row[number]))


def remove(thing: IpcObject) -> None:
    """Remove an object; one that is gone already is no trouble. Raises BoardError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if thing.kind == "sem":
        status = libc.semctl(thing.number, 0, IPC_RMID)
    else:
        status = getattr(libc, f"{thing.kind}ctl")(thing.number, IPC_RMID, None)
    if status != 0 and (number := ctypes.get_errno()) not in GONE:
        raise BoardError(f"{thing} cannot be removed: {os.strerror(number)}")
