"""Run a program of the lab's to its end: bounded in time and output, ended with its children."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT: Final = 64 * 1024
"""Bytes of a program's output that are looked at; it may write more, nobody reads it."""

LINE: Final = 200
PIECE: Final = 64 * 1024
AFTER_EXIT: Final = 0.5
"""Seconds in which a program that has ended may still deliver output; its children may hold it."""

Taker = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Tell how a program ended: below zero by the signal of that number."""

    status: int
    output: bytes
    complaints: bytes

    @property
    def last_line(self) -> str:
        """Return the last line that it wrote, empty when it wrote nothing."""
        return next(reversed(lines_of(self.complaints) or lines_of(self.output)), "")

    @property
    def ending(self) -> str:
        """Return how it ended, in words."""
        if self.status < 0:
            return f"was ended by {signal.Signals(-self.status).name}"
        return f"ended with status {self.status}"


def lines_of(output: bytes) -> list[str]:
    """Return a program's lines, cut, without what could steer a terminal."""
    lines = filter(str.strip, output.decode(errors="replace").splitlines())
    return ["".join(c if c.isprintable() else "?" for c in line[:LINE]) for line in lines]


class _Kept:
    """Keep the first of what a program writes."""

    def __init__(self, most: int) -> None:
        self.data = bytearray()
        self._most = most

    async def take(self, data: bytes) -> None:
        self.data += data[: self._most - len(self.data)]


class _Pipe:
    """Carry what a program writes.

    The pipe is our own, since it must be closed while daemons that the program left still hold it.
    """

    def __init__(self, take: Taker) -> None:
        self._take = take
        self._moved = 0
        self._busy = False
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.ReadTransport | None = None

    async def open(self) -> int:
        """Return the program's end, which the caller closes."""
        ours, theirs = os.pipe()
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(PIECE)
        try:
            self._transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", 0)
            )
        except BaseException:
            os.close(theirs)
            raise
        self._task = loop.create_task(self._carry(reader))
        return theirs

    async def finish(self) -> None:
        """Carry what is still there; wait for a slow taker, but not for a daemon."""
        assert self._task is not None
        moved = -1
        while not self._task.done() and (self._busy or self._moved != moved):
            moved = self._moved
            await asyncio.wait((self._task,), timeout=AFTER_EXIT)
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        """Let go of the pipe."""
        if self._transport is not None:
            self._transport.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _carry(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(PIECE):
            self._busy = True
            await self._take(data)
            self._busy = False
            self._moved += len(data)


async def run_command(
    words: Sequence[str | Path],
    environment: Mapping[str, str],
    limit: float,
    *,
    kept: int = KEPT,
    take: Taker | None = None,
    apart: bool = False,
    source: int = asyncio.subprocess.DEVNULL,
    sink: int | None = None,
) -> Outcome:
    """Run a program in a session of its own, and return how it ended.

    It has no input unless ``source`` is a descriptor of one. Where ``sink`` is one, its output goes
    there. Both are closed as soon as the program has them.

    Its output is kept, at most ``kept`` bytes, or given to ``take``; complaints (standard error)
    go the same way unless they are kept ``apart``. Raises OSError or ValueError when it cannot be
    started, TimeoutError when it takes longer than ``limit`` seconds. Whoever is late or called
    off is ended with all its children in that session.
    """
    output, complaints = _Kept(kept), _Kept(KEPT)
    takers = [take or output.take] if sink is None else []
    pipes = [_Pipe(each) for each in (*takers, *([complaints.take] if apart or sink else []))]
    given = [file for file in (source, sink) if file is not None and file >= 0]
    process = None
    try:
        async with asyncio.timeout(limit):
            theirs = [await pipe.open() for pipe in pipes]
            try:
                process = await asyncio.create_subprocess_exec(
                    *words,
                    stdin=source,
                    stdout=theirs[0] if sink is None else sink,
                    stderr=theirs[-1],
                    start_new_session=True,
                    cwd="/",
                    env={"PATH": PATH, "LANG": "C.UTF-8", **environment},
                )
            finally:
                for file in (*theirs, *given):
                    os.close(file)
                given = []
            status = await process.wait()
            for pipe in pipes:
                await pipe.finish()
    finally:
        for file in given:
            os.close(file)
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        for pipe in pipes:
            await pipe.close()
    return Outcome(status=status, output=bytes(output.data), complaints=bytes(complaints.data))
