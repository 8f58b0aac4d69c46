"""Find what descends from one process, and end processes for good.

The tree below a process that adopts orphans (a PID namespace's init or a child subreaper) is not
left by ``setsid`` and double forks.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator

from boruta_farm.dryad.proc.processes import (
    Process,
    find_below,
    list_processes,
    read_children,
    read_process,
    read_stat,
    tells_children,
)

_WATCHED = 64
"""How many of the killed are waited for by descriptor; the rest by looking again."""

Finder = Callable[[], Iterable[Process]]
"""Yields processes as it finds them, so that one is stopped before the next is looked for."""


def find_descendants(root: int) -> Iterator[Process]:
    """Yield the living descendants of ``root``, which must adopt their orphans.

    Yields none only when there was a moment without any: at every moment a living descendant
    has an ancestor among the children of ``root``, so children that were dead already when they
    were listed prove it. Children that died since are a reason to list anew.
    """
    if not tells_children():
        yield from find_below([root], list_processes())
        return
    dead: set[Process] = set()
    while True:
        listed = [read_stat(pid) for pid in read_children(root)]
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
            child for pid in read_children(process.pid) if (child := read_process(pid)) is not None
        )


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
