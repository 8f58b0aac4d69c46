"""Programs that we have started, and how they are ended."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from boruta_farm.dryad.proc.processes import read_children

ENDS_WITHIN: Final = 5.0
"""Seconds a program may take to end after a signal before it is killed."""
PIECE: Final = 64 * 1024


def send(pid: int, number: int) -> None:
    """Send a child process a signal, unless it has ended.

    ``Process.send_signal`` reads the status of one that has just ended, by Ctrl-C as we are: it is
    lost to whoever waits for it, who gets 255, and ``Unknown child process`` is logged. So it is
    looked at here, and left to be read.
    """
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        os.kill(pid, number)
    except (ChildProcessError, ProcessLookupError):
        # Its status was read just now.
        return


async def end(process: Process, number: int = signal.SIGTERM) -> None:
    """End a program that still runs, and wait until it has; it is killed where it does not.

    What it still prints is read, for one that cannot write does not end.
    """
    await _end(process, [], number)


async def end_family(process: Process, number: int = signal.SIGTERM) -> None:
    """End a program that still runs with all that it has started and not let go, as ``end`` does.

    A shell that is ended leaves what it waits for. Linux alone tells what descends from a process;
    elsewhere the program is ended by itself.
    """
    with ExitStack() as held:
        handles = [handle for pid in _below(process.pid) for handle in _held(pid, held)]
        await _end(process, handles, number)


def _below(root: int) -> Iterator[int]:
    waiting = [root]
    while waiting:
        children = read_children(waiting.pop())
        waiting += children
        yield from children


def _held(pid: int, held: ExitStack) -> Iterator[int]:
    """Yield a handle of a process that is there: its number may be another's before it is used."""
    with contextlib.suppress(OSError):
        handle = os.pidfd_open(pid)
        held.callback(os.close, handle)
        yield handle


def _tell(handles: list[int], number: int) -> None:
    for handle in handles:
        # It has ended, or is another user's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(handle, number)


async def _end(process: Process, below: list[int], number: int) -> None:
    """Tell a program before those below it: a shell would go on to its next command."""
    if process.returncode is None:
        send(process.pid, number)
    _tell(below, number)
    try:
        async with asyncio.timeout(ENDS_WITHIN):
            # At once: some versions of Python wait for a program until its pipes are nobody's.
            await asyncio.gather(_drained(process), *map(_ended, below))
    except TimeoutError:
        send(process.pid, signal.SIGKILL)
        _tell(below, signal.SIGKILL)
        await _drained(process)


async def _ended(handle: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)


async def _drained(process: Process) -> None:
    streams = (stream for stream in (process.stdout, process.stderr) if stream is not None)
    draining = [asyncio.create_task(_thrown_away(stream)) for stream in streams]
    try:
        # Not for the ends of its pipes, which what it has started may hold on to.
        await process.wait()
    finally:
        for each in draining:
            each.cancel()
        await asyncio.gather(*draining, return_exceptions=True)


async def _thrown_away(stream: asyncio.StreamReader) -> None:
    while await stream.read(PIECE):
        pass
