"""Who is logged in by which key, as far as sshd tells, and how one of them is shown out.

Where sshd is set to ``ExposeAuthInfo yes``, the programs of a connection find in their environment
the file in which it wrote the key. All visitors are one user of the system, so what is read here
serves people who work together; the fence does not rest on it.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.cleanup.processes import find_connections
from boruta_farm.dryad.proc.descendants import end_processes
from boruta_farm.dryad.proc.processes import (
    Process,
    find_below,
    find_owned,
    list_processes,
    read_environment,
    read_uids,
)
from boruta_farm.model.errors import BoardError

LIMIT: Final = 10.0
"""Seconds within which a visitor's processes must have ended."""

LONGEST: Final = 64 * 1024
_FILE: Final = re.compile(rb"SSH_USER_AUTH=(/tmp/sshauth\.[A-Za-z0-9]+)")
_PLACE: Final = b"SSH_CONNECTION="


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One connection: its key (empty where that is not known), where it came from, what runs."""

    key: str
    places: frozenset[bytes]
    processes: tuple[Process, ...]


def count_visits(session: Session) -> dict[str, int]:
    """Return how many connections each key has open; those being made are not counted."""
    return dict(Counter(visit.key for visit in _visits(session) if _is_inside(session, visit)))


def part_with(session: Session, keys: Collection[str]) -> int:
    """End the connections of these keys and of unknown ones, and all that was started in them.

    Raises BoardError when something of them is left.
    """
    gone = [visit for visit in _visits(session) if visit.key in keys or not visit.key]
    places = frozenset().union(*(visit.places for visit in gone))
    known = {process for visit in gone for process in visit.processes}

    def left() -> Iterator[Process]:
        alive = list_processes()
        yield from (process for process in known if alive.get(process.pid) == process)
        if places:
            for process, _ in find_owned(session.uids):
                if process not in known and places & read_environment(process.pid):
                    yield process

    if end_processes(left, LIMIT):
        raise BoardError("what somebody had opened who may not be here any more does not end")
    return len(gone)


def _is_inside(session: Session, visit: Visit) -> bool:
    """Tell whether a connection has been let in: then some of it runs as the session's user."""
    uids = (uid for process in visit.processes for uid in read_uids(process.pid)[:1])
    return any(uid in session.uids for uid in uids)


def _visits(session: Session) -> Iterator[Visit]:
    world = list_processes()
    for connection in find_connections(session.name):
        below = find_below([connection.pid], world)
        environments = [read_environment(process.pid) for process in below]
        keys = (_key_of(session, environment) for environment in environments)
        places = {entry for all_of in environments for entry in all_of if entry[:15] == _PLACE}
        yield Visit(
            key=next((key for key in keys if key), ""),
            places=frozenset(places),
            processes=(connection, *below),
        )


def _key_of(session: Session, environment: Collection[bytes]) -> str:
    """Return the key of which sshd wrote that it has opened a connection, empty without."""
    for entry in environment:
        if (found := _FILE.fullmatch(entry)) is not None:
            for line in _read(session, Path(os.fsdecode(found[1]))).splitlines():
                method, _, key = line.partition(" ")
                if method == "publickey":
                    return " ".join(key.split()[:2])
    return ""


def _read(session: Session, path: Path) -> str:
    """Return what lies in a file of the session user's, empty for any other."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in session.uids:
            return ""
        return file.read(LONGEST).decode(errors="replace")
