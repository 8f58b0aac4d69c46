"""System V shared memory, semaphores and message queues."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

TABLES: Final = Path("/proc/sysvipc")
SHM_DEST: Final = 0o1000


class IpcKind(StrEnum):
    """A kind of object, by the name of its table; the value is also the word for people."""

    SHM = "shared memory"
    SEM = "semaphores"
    MSG = "message queue"


_NUMBERS: Final = {IpcKind.SHM: "shmid", IpcKind.SEM: "semid", IpcKind.MSG: "msqid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IpcObject:
    """Name one object of the kernel, its owner and who made it."""

    kind: IpcKind
    number: int
    owner: int
    creator: int

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


def list_ipc() -> Iterator[IpcObject]:
    """Yield the objects that have not been removed; a kernel without System V IPC has none."""
    for kind in IpcKind:
        try:
            names, *rows = (TABLES / kind.name.lower()).read_text().splitlines()
        except FileNotFoundError:
            continue
        for line in rows:
            row = dict(zip(names.split(), line.split(), strict=True))
            # A removed segment keeps its row, without a key, while somebody else is attached.
            if not int(row["perms"], 8) & SHM_DEST:
                yield IpcObject(
                    kind=kind,
                    number=int(row[_NUMBERS[kind]]),
                    owner=int(row["uid"]),
                    creator=int(row["cuid"]),
                )
