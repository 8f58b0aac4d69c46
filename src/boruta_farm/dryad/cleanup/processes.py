"""End every process of a board's uids, faster than they can fork, and sshd's part of a session."""

import contextlib
import logging
import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Final

from boruta_farm.dryad.cleanup.base import Session, summary
from boruta_farm.dryad.cleanup.cgroups import Cgroups
from boruta_farm.dryad.cleanup.fuse import abort_connections
from boruta_farm.dryad.cleanup.guise import guise
from boruta_farm.dryad.proc.descendants import end_processes
from boruta_farm.dryad.proc.processes import (
    Process,
    describe_process,
    find_owned,
    list_processes,
    read_command_line,
    read_program,
    read_uids,
)
from boruta_farm.dryad.uids import UidRange
from boruta_farm.model.errors import BoardError

logger = logging.getLogger(__name__)

LIMIT: Final = 30.0
"""Seconds for ending all processes; a fork bomb takes a fraction of one."""

DIES_WITHIN: Final = 2.0
"""Seconds after which who was killed and is still there waits for something that never comes."""

STRIKES: Final = 2
SSHD: Final = frozenset({"sshd", "sshd-session", "sshd-auth"})


class Processes:
    """The session's processes, and the SSH server's processes that serve its connections."""

    def __init__(self, cgroups: Cgroups | None = None, limit: float = LIMIT) -> None:
        self._cgroups = cgroups or Cgroups()
        self._limit = limit

    def end(self, session: Session) -> list[str]:
        """Kill all until a look finds none. Raises BoardError naming the survivors."""
        connections = list(find_connections(session.name))
        own = dict(find_owned(session.uids))
        found = [
            *summary(map(describe_process, connections), "open connection", "open connections"),
            *summary(map(describe_process, own), "process", "processes"),
        ]
        deadline = time.monotonic() + self._limit
        try:
            self._cgroups.kill(session.uids)
            for _ in range(STRIKES):
                for uid in sorted({uid for _, uid in find_owned(session.uids)}):
                    strike(session.uids, uid)
        except (BoardError, OSError) as error:
            logger.error("ending processes one by one: %s", error)

        left = end_processes(lambda: _all_of(session), min(self._limit / 3, DIES_WITHIN))
        if left:

            def look() -> Iterator[Process]:
                # Each time: who is still there may have made another.
                _abort_file_systems(session.uids)
                return _all_of(session)

            left = end_processes(look, max(deadline - time.monotonic(), self._limit / 3))
        if left:
            words = summary(map(describe_process, left), "process", "processes")
            raise BoardError(f"cannot end {words[0]}")
        return found

    def left(self, session: Session) -> list[str]:
        """Return what runs; two looks, since one may miss a process that was just born."""
        left = list(_all_of(session)) or list(_all_of(session))
        return [
            *summary(map(describe_process, left), "process", "processes"),
            *self._cgroups.populated(session.uids),
        ]


def _abort_file_systems(uids: UidRange) -> None:
    """Free those who wait for a file system of their own; without that the rest is tried.

    Theirs alone, who outlive being killed: the kernel has one list for all containers, and the same
    uid may be somebody's in another.
    """
    try:
        for uid in {uid for _, uid in find_owned(uids)}:
            abort_connections(UidRange(first=uid, last=uid))
    except BoardError as error:
        logger.error("ending processes all the same: %s", error)


def strike(uids: UidRange, uid: int) -> None:
    """Kill every process of one uid in one call of the kernel: no fork is fast enough for it.

    No process is made for it, since there may be no room for one. The thread's real uid is the
    keeper's, so that no process of the session may signal it. Raises BoardError when that cannot
    be done.
    """
    if uid not in uids or uid <= 0:
        raise BoardError(f"uid {uid} does not belong to the board's range {uids}")
    if uid == uids.keeper:
        return
    with guise(real=uids.keeper, effective=uid), contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def find_connections(name: str) -> Iterator[Process]:
    """Yield root's processes of the SSH server that serve, or are about to serve, the account.

    From the moment a client has given the account's name, sshd's process bears it in its title;
    only a process of root can write such a title and be taken for one.
    """
    title = re.compile(rb"sshd[a-z-]*: " + re.escape(name.encode()) + rb"[ @]")
    for process in list_processes().values():
        if (
            read_program(process.pid) in SSHD
            and read_uids(process.pid)[:1] == (0,)
            and title.match(read_command_line(process.pid))
        ):
            yield process


def _all_of(session: Session) -> Iterator[Process]:
    for process, _ in find_owned(session.uids):
        yield process
    yield from find_connections(session.name)
