"""End every process of a board's uids, faster than they can fork, and sshd's part of a session."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

from boruta_farm.dryad.cleanup.base import Session, summary
from boruta_farm.dryad.cleanup.cgroups import Cgroups
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

LIMIT: Final = 30.0
"""Seconds for ending all processes; a fork bomb takes a fraction of one."""

STRIKES: Final = 2
STRIKE_TIMEOUT: Final = 20.0
STRIKE: Final = """
import os, signal, sys
keeper, uid = int(sys.argv[1]), int(sys.argv[2])
assert keeper > 0 and uid > 0 and keeper != uid
os.setgroups([])
os.setresgid(keeper, keeper, keeper)
os.setresuid(keeper, uid, keeper)
try:
    os.kill(-1, signal.SIGKILL)
except ProcessLookupError:
    pass
"""
"""Kill all that one uid may kill, in one call of the kernel: no fork is fast enough for it.

Its real and saved uid are the keeper's, so that no process of the session may signal it."""

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
        self._cgroups.kill(session.uids)
        for _ in range(STRIKES):
            for uid in sorted({uid for _, uid in find_owned(session.uids)}):
                strike(session.uids, uid)
        left = end_processes(
            lambda: _all_of(session), max(deadline - time.monotonic(), self._limit / 3)
        )
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


def strike(uids: UidRange, uid: int) -> None:
    """Kill every process of one uid at once. Raises BoardError when that cannot be done."""
    if uid not in uids or uid <= 0:
        raise BoardError(f"uid {uid} does not belong to the board's range {uids}")
    if uid == uids.keeper:
        return
    command = (sys.executable, "-I", "-S", "-c", STRIKE, str(uids.keeper), str(uid))
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=STRIKE_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BoardError(f"the processes of uid {uid} cannot be killed: {error}") from error
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise BoardError(f"the processes of uid {uid} cannot be killed: {words[-1:]}")


def find_connections(name: str) -> Iterator[Process]:
    """Yield root's processes of the SSH server that serve, or are about to serve, the account.

    From the moment a client has given the account's name, sshd's process bears it in its title;
    only a process of root can write such a title and be taken for one.
    """
    title = re.compile(rb"sshd[a-z-]*: " + re.escape(name.encode()) + rb"[ @]")
    for process in list_processes().values():
        if (
            title.match(read_command_line(process.pid))
            and read_program(process.pid) in SSHD
            and read_uids(process.pid)[:1] == (0,)
        ):
            yield process


def _all_of(session: Session) -> Iterator[Process]:
    for process, _ in find_owned(session.uids):
        yield process
    yield from find_connections(session.name)
