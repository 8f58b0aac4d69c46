"""Bulk copying inside the kernel: ``os.splice`` through a pipe, in threads of its own.

``SPLICE_F_MORE`` must not be used: it stalls small amounts of data.
"""

import fcntl
import os
import select
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

THREADS = 64
PIPE_SIZE = 256 * 1024
CHUNK = 1024 * 1024
IDLE_MILLISECONDS = 200


class SpliceEnd(Enum):
    """How a stay in a splice thread ended."""

    IDLE = "idle"
    ENDED = "ended"
    BROKEN = "broken"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """Tell how a stay in a splice thread ended; ``rest`` was read but not yet written."""

    outcome: SpliceEnd
    rest: bytes = b""


class Splicer:
    """Lend a bounded number of splice threads to streams that move much."""

    def __init__(self, threads: int = THREADS) -> None:
        self._free = threads
        self._pool = ThreadPoolExecutor(max(threads, 1), thread_name_prefix="splice")
        self._own = threading.local()
        self._pipes: list[tuple[int, int]] = []

    def lend(
        self, source: int, sink: int, stopped: Callable[[], bool], done: Callable[[Stay], None]
    ) -> bool:
        """Copy in a thread until the stream is idle, ended or broken; False when none is free.

        Both functions are called in that thread: ``done`` at the end, ``stopped`` before every
        move, which ends the stay when it is true. Both descriptors must be non-blocking and
        stay open until ``done``; shutting the source for reading wakes a thread that waits.
        """
        if self._free <= 0:
            return False
        self._free -= 1
        self._pool.submit(self._copy, source, sink, stopped, done)
        return True

    def take_back(self) -> None:
        """Count a thread as free again; called where ``lend`` is."""
        self._free += 1

    def close(self) -> None:
        """Wait for the threads, whose streams must have ended, and close their pipes."""
        self._pool.shutdown()
        for pipe in self._pipes:
            os.close(pipe[0])
            os.close(pipe[1])
        self._pipes.clear()

    def _copy(
        self, source: int, sink: int, stopped: Callable[[], bool], done: Callable[[Stay], None]
    ) -> None:
        stay = Stay(outcome=SpliceEnd.BROKEN)
        try:
            pipe: tuple[int, int] | None = getattr(self._own, "pipe", None)
            if pipe is None:
                pipe = self._own.pipe = _new_pipe()
                self._pipes.append(pipe)
            stay = copy_until_idle(source, sink, pipe, stopped)
            if stay.outcome in (SpliceEnd.BROKEN, SpliceEnd.STOPPED):
                _empty(pipe[0])
        except OSError:
            # No pipe left, or the sink broke: either way this stream cannot go on here.
            stay = Stay(outcome=SpliceEnd.BROKEN)
        finally:
            done(stay)


def copy_until_idle(
    source: int, sink: int, pipe: tuple[int, int], stopped: Callable[[], bool]
) -> Stay:
    """Move bytes from one non-blocking socket to another through an empty pipe."""
    readable, writable = select.poll(), select.poll()
    readable.register(source, select.POLLIN)
    writable.register(sink, select.POLLOUT)
    flags = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
    outgoing, incoming = pipe
    while not stopped():
        try:
            held = os.splice(source, incoming, CHUNK, flags=flags)
        except BlockingIOError:
            if not readable.poll(IDLE_MILLISECONDS):
                return Stay(outcome=SpliceEnd.IDLE)
            continue
        except OSError:
            return Stay(outcome=SpliceEnd.BROKEN)
        if not held:
            return Stay(outcome=SpliceEnd.ENDED)
        while held and not stopped():
            try:
                held -= os.splice(outgoing, sink, held, flags=flags)
            except BlockingIOError:
                if not writable.poll(IDLE_MILLISECONDS):
                    return Stay(outcome=SpliceEnd.IDLE, rest=os.read(outgoing, held))
            except OSError:
                return Stay(outcome=SpliceEnd.BROKEN)
    return Stay(outcome=SpliceEnd.STOPPED)


def _new_pipe() -> tuple[int, int]:
    outgoing, incoming = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(incoming, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    except PermissionError:
        # Beyond the user's share of pipe memory a pipe keeps its default size, which also works.
        return outgoing, incoming
    return outgoing, incoming


def _empty(outgoing: int) -> None:
    try:
        while os.read(outgoing, CHUNK):
            pass
    except BlockingIOError:
        return
