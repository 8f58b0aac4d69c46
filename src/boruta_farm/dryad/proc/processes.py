"""Processes: who runs, since when, below whom, under which uids, and by what words."""

import contextlib
import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
REPLACED: Final = " (deleted)"
"""What the kernel adds to the name of a program that an upgrade has replaced."""

_DEAD: Final = b"ZX"
_LONGEST: Final = 80
_READ: Final = 64 * 1024
"""Bytes that are read of a process's words and environment, which may be megabytes of each."""
_GONE: Final = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Name one process for good: pids are used again, pid and start time together are not."""

    pid: int
    parent: int = field(compare=False)
    started: int


def read_stat(pid: int) -> tuple[Process, bool] | None:
    """Return a process and whether it is alive, None when it is gone."""
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except _GONE:
        return None
    state, parent, threads, started = fields[0], fields[1], fields[17], fields[19]
    # A process whose first thread has ended shows as a zombie while its other threads run on.
    alive = state not in _DEAD or int(threads) > 1
    return Process(pid=pid, parent=int(parent), started=int(started)), alive


def read_process(pid: int) -> Process | None:
    """Return a living process, None when it is gone or only waits to be reaped."""
    found = read_stat(pid)
    return found[0] if found is not None and found[1] else None


def list_processes() -> dict[int, Process]:
    """Return all living processes of the machine by pid."""
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal())
    return {process.pid: process for process in map(read_process, pids) if process is not None}


def read_children(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    found: list[int] = []
    with contextlib.suppress(*_GONE):
        for thread in (PROC / str(pid) / "task").iterdir():
            found.extend(map(int, (thread / "children").read_bytes().split()))
    return found


def tells_children() -> bool:
    """Tell whether this kernel lists the children of a process."""
    return (PROC / "self/task" / str(os.getpid()) / "children").exists()


def find_below(roots: Iterable[int], world: dict[int, Process]) -> list[Process]:
    """Return every descendant of ``roots`` in ``world``, the roots left out."""
    offspring: dict[int, list[Process]] = {}
    for process in world.values():
        offspring.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    open_pids = list(roots)
    known = set(open_pids)
    while open_pids:
        for child in offspring.get(open_pids.pop(), ()):
            if child.pid not in known:
                known.add(child.pid)
                found[child.pid] = child
                open_pids.append(child.pid)
    return list(found.values())


def find_owned(uids: Container[int]) -> Iterator[tuple[Process, int]]:
    """Yield every living process but this one that has one of the uids in any of its places.

    So a program that runs with root's rights in the user's name is found as well, and, where the
    kernel keeps login uids, whatever a login of the user started, under any uid.
    """
    for process in list_processes().values():
        if process.pid == os.getpid():
            continue
        for uid in read_uids(process.pid):
            if uid in uids:
                yield process, uid
                break


def read_uids(pid: int) -> tuple[int, ...]:
    """Return real, effective, saved, file system and login uid, none for one that is gone."""
    with contextlib.suppress(*_GONE):
        for line in (PROC / str(pid) / "status").read_bytes().splitlines():
            if line.startswith(b"Uid:"):
                return (*map(int, line.split()[1:]), *_login_uid(pid))
    return ()


def read_environment(pid: int) -> frozenset[bytes]:
    """Return the first ``NAME=value`` that a process was started with, none where none is told."""
    return frozenset(_read(pid, "environ").split(b"\0"))


def read_command_line(pid: int) -> bytes:
    """Return a process's first arguments with blanks between, empty where none can be read."""
    return _read(pid, "cmdline").replace(b"\0", b" ")


def read_program(pid: int) -> str:
    """Return the file name of what a process runs, empty where it cannot be read."""
    try:
        return (PROC / str(pid) / "exe").readlink().name.removesuffix(REPLACED)
    except OSError:
        return ""


def describe_process(process: Process) -> str:
    """Return the command line, at most 80 characters, and the pid, on one line."""
    words = read_command_line(process.pid).strip()
    if not words and (name := _read(process.pid, "comm").strip()):
        words = b"[" + name + b"]"
    text = "".join(c if c.isprintable() else "?" for c in words.decode(errors="replace"))
    return f"{text[:_LONGEST] or '?'} (pid {process.pid})"


def _login_uid(pid: int) -> tuple[int, ...]:
    """Return who logged in to start a process; kernels without auditing do not tell."""
    text = _read(pid, "loginuid")
    return (int(text),) if text.strip().isdigit() else ()


def _read(pid: int, name: str) -> bytes:
    try:
        with (PROC / str(pid) / name).open("rb", buffering=0) as file:
            return file.read(_READ)
    except OSError:
        return b""


def read_own_capabilities() -> int:
    """Return the effective capabilities of the calling thread, one bit each. Raises OSError."""
    for line in (PROC / "thread-self/status").read_bytes().splitlines():
        if line.startswith(b"CapEff:"):
            return int(line.split()[1], 16)
    return 0
