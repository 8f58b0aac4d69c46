"""Programs that we have started, and how they are ended."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from typing import Final

ENDS_WITHIN: Final = 5.0
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
    if process.returncode is None:
        send(process.pid, number)
    try:
        async with asyncio.timeout(ENDS_WITHIN):
            await _drained(process)
    except TimeoutError:
        send(process.pid, signal.SIGKILL)
        await _drained(process)


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
