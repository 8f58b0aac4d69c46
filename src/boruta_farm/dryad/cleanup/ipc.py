"""Remove shared memory, semaphores and message queues of a board's uids, System V and POSIX."""

import ctypes
import errno
import os
from collections.abc import Iterator
from typing import Final

from boruta_farm.dryad.cleanup.base import Session, summary
from boruta_farm.dryad.cleanup.files import sweep
from boruta_farm.dryad.cleanup.kernel_folder import KernelFolder
from boruta_farm.dryad.proc.ipc import IpcKind, IpcObject, list_ipc
from boruta_farm.dryad.uids import UidRange
from boruta_farm.model.errors import BoardError

QUEUES: Final = KernelFolder("mqueue", "/dev/mqueue", "the kernel's message queues")
IPC_RMID: Final = 0
GONE: Final = frozenset({errno.EINVAL, errno.EIDRM})


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
    """Yield the objects that one of the uids owns or has made."""
    for thing in list_ipc():
        if thing.owner in uids or thing.creator in uids:
            yield thing


def remove(thing: IpcObject) -> None:
    """Remove an object; one that is gone already is no trouble. Raises BoardError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if thing.kind is IpcKind.SEM:
        status = libc.semctl(thing.number, 0, IPC_RMID)
    else:
        status = getattr(libc, f"{thing.kind.name.lower()}ctl")(thing.number, IPC_RMID, None)
    if status != 0 and (number := ctypes.get_errno()) not in GONE:
        raise BoardError(f"{thing} cannot be removed: {os.strerror(number)}")


class MessageQueues:
    """POSIX message queues, which the kernel keeps whether or not they can be seen anywhere."""

    def end(self, session: Session) -> list[str]:
        """Remove them. Raises BoardError."""
        return self._go(session, remove=True)

    def left(self, session: Session) -> list[str]:
        """Return what is there."""
        return self._go(session, remove=False)

    def _go(self, session: Session, *, remove: bool) -> list[str]:
        folder = QUEUES.open()
        if folder is None:
            return []
        try:
            return sweep(folder, session, QUEUES.words, remove=remove)
        finally:
            os.close(folder)
