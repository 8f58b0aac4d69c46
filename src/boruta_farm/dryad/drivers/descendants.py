"""Find and end the processes of one session by what /proc tells.

Two looks: the tree below a process that adopts orphans (a PID namespace's init or a child
subreaper), which ``setsid`` and double forks do not leave, and a mark in the environment, which
survives the death of that process. Standard library only: the keeper runs it too.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MARK = "BORUTA_SESSION"
"""The environment variable that marks a session's processes."""

_PROC = Path("/proc")
_WATCHED = 64
"""How many of the killed are waited for by descriptor; the rest by looking again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Name one process for good: pids are used again, pid and start time together are not."""

    pid: int
    parent: int = field(compare=False)
    started: int


Finder = Callable[[], Iterable[Process]]
"""Yields processes as it finds them, so that one is stopped before the next is looked for."""


def _read(pid: int) -> tuple[Process, bool] | None:
    """Return a process and whether it is alive, None when it is gone."""
    try:
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent, threads, started = fields[0], fields[1], fields[17], fields[19]
    # A process whose first thread has ended shows as a zombie while its other threads run on.
    alive = state not in b"ZX" or int(threads) > 1
    return Process(pid=pid, parent=int(parent), started=int(started)), alive


def read_process(pid: int) -> Process | None:
    """Return a living process, None when it is gone or only waits to be reaped."""
    found = _read(pid)
    return found[0] if found is not None and found[1] else None


def list_processes() -> dict[int, Process]:
    """Return all living processes of the machine by pid."""
    pids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())
    return {process.pid: process for process in map(read_process, pids) if process is not None}


def is_marked(pid: int, mark: str) -> bool:
    """Tell whether a process was started with ``mark``; False where it cannot be read."""
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={mark}".encode() in environment.split(b"\0")


def find_below(roots: Iterable[int], world: dict[int, Process]) -> list[Process]:
    """Return every descendant of ``roots`` in ``world``, the roots left out."""
    children: dict[int, list[Process]] = {}
    for process in world.values():
        children.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    open_pids = list(roots)
    known = set(open_pids)
    while open_pids:
        for child in children.get(open_pids.pop(), ()):
            if child.pid not in known:
                known.add(child.pid)
                found[child.pid] = child
                open_pids.append(child.pid)
    return list(found.values())


def _children(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in (_PROC / str(pid) / "task").iterdir():
            found.extend(map(int, (thread / "children").read_bytes().split()))
    return found


def find_descendants(root: int) -> Iterator[Process]:
    """Yield the living descendants of ``root``, which must adopt their orphans.

    Yields none only when there was a moment without any: at every moment a living descendant
    has an ancestor among the children of ``root``, so children that were dead already when they
    were listed prove it. Children that died since are a reason to list anew.
    """
    if not (_PROC / "self/task" / str(os.getpid()) / "children").exists():
        yield from find_below([root], list_processes())
        return
    dead: set[Process] = set()
    while True:
        listed = [_read(pid) for pid in _children(root)]
        alive = [found[0] for found in listed if found is not None and found[1]]
        if alive:
            yield from _walk(alive)
            return
        ended = {found[0] for found in listed if found is not None}
        if None not in listed and ended <= dead:
            return
        dead |= ended


def _walk(processes: list[Process]) -> Iterator[Process]:
    """Yield processes, and what descends from each when it has been dealt with."""
    waiting = list(processes)
    while waiting:
        process = waiting.pop()
        yield process
        waiting.extend(
            child for pid in _children(process.pid) if (child := read_process(pid)) is not None
        )


def find_session(mark: str, leave: Iterable[int] = ()) -> Iterator[Process]:
    """Yield what bears ``mark`` and what descends from it, without the pids in ``leave``."""
    world = list_processes()
    marked = [pid for pid in world if is_marked(pid, mark)]
    pids = {*marked, *(process.pid for process in find_below(marked, world))}
    for pid in sorted(pids.difference(leave)):
        yield world[pid]


def describe_process(process: Process) -> str:
    """Return the command line, at most 80 characters, and the pid, on one line."""
    words = b""
    with contextlib.suppress(OSError):
        words = (_PROC / str(process.pid) / "cmdline").read_bytes().replace(b"\0", b" ").strip()
    if not words:
        with contextlib.suppress(OSError):
            words = b"[" + (_PROC / str(process.pid) / "comm").read_bytes().strip() + b"]"
    text = "".join(c if c.isprintable() else "?" for c in words.decode(errors="replace"))
    return f"{text[:80] or '?'} (pid {process.pid})"


def send_signal(process: Process, number: int) -> bool:
    """Signal exactly this process; False when it is gone.

    Raises PermissionError for a process of another user.
    """
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        now = read_process(process.pid)
        if now is None or now.started != process.started:
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def end_processes(find: Finder, limit: float) -> list[Process]:
    """Stop, then kill all that ``find`` yields, again and again until it yields none.

    Stopping first keeps those that fork faster than they are killed from going on; a fork that
    was under way when the signal came is found in the next round. ``limit`` is in seconds.
    Returns the survivors: those still there at the limit, or that may not be signalled.
    """
    end = time.monotonic() + limit
    denied: set[Process] = set()
    while True:
        stopped = _stop(find, denied, end)
        for process in stopped:
            send_signal(process, signal.SIGKILL)
        _wait(list(stopped)[-_WATCHED:], end)
        # Two looks, since a single one over all of /proc may miss a process that was just born.
        left = list(find()) or list(find())
        if not set(left) - denied or time.monotonic() >= end:
            return left


def _stop(find: Finder, denied: set[Process], end: float) -> set[Process]:
    """Stop all until a look finds nobody new; add to ``denied`` who may not be stopped."""
    stopped: set[Process] = set()
    fresh = True
    while fresh and time.monotonic() < end:
        fresh = False
        for process in find():
            if process in stopped or process in denied:
                continue
            fresh = True
            try:
                send_signal(process, signal.SIGSTOP)
                stopped.add(process)
            except PermissionError:
                denied.add(process)
    return stopped


def _wait(killed: list[Process], end: float) -> None:
    """Wait until the killed are dead or the time is over."""
    poller = select.poll()
    handles: list[int] = []
    try:
        for process in killed:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(process.pid)
                handles.append(handle)
                poller.register(handle, select.POLLIN)
        alive = len(handles)
        while alive and (rest := end - time.monotonic()) > 0:
            for handle, _ in poller.poll(rest * 1000):
                poller.unregister(handle)
                alive -= 1
    finally:
        for handle in handles:
            os.close(handle)
