"""Commands and files on a board in hand, by OpenSSH's client."""

import asyncio
import errno
import os
import shlex
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Protocol, TypeAlias

from boruta_farm.client.children import end
from boruta_farm.client.forwarding import forwarding
from boruta_farm.client.openssh import (
    Files,
    command_line,
    copy_line,
    find_ssh,
    session_files,
)
from boruta_farm.client.way import DIRECT, BoardWay
from boruta_farm.model.errors import BorutaError, InvalidError
from boruta_farm.model.worker import AccessInfo

PIECE = 65536
"""Seconds a program may take to end after it was told to, before it is killed."""


class CopyError(BorutaError):
    """a file could not be copied to or from the board"""

    code = "copy-failed"


Doing: TypeAlias = Coroutine[Any, Any, CompletedProcess[bytes]]


class WhileHeld(Protocol):
    """See that what is done on a board is done while one has it."""

    async def __call__(self, doing: Doing, *, copying: bool = False) -> CompletedProcess[bytes]:
        """Return what came of it, or raise because the board is not ours, before or meanwhile."""
        ...


class Remote:
    """Run commands on one board; key and host key lie in private files until ``close``."""

    def __init__(self, access: AccessInfo, guard: WhileHeld, way: BoardWay = DIRECT) -> None:
        self._access = access
        self._guard = guard
        self._way = way
        self._stack = ExitStack()
        self._files: Files | None = None

    def move(self, access: AccessInfo, way: BoardWay) -> None:
        """Reach the board so from now on."""
        self.close()
        self._access, self._way = access, way

    def close(self) -> None:
        """Remove the files."""
        self._stack.close()
        self._files = None

    async def run(
        self,
        command: str | Sequence[str],
        text: str | None,
        timeout: float | None,
        most: int | None = None,
    ) -> CompletedProcess[str]:
        """Run a command, a line for the board's shell or words of which one is made.

        Of output and complaints ``most`` bytes each are kept, the first; None: all. Raises
        InvalidError where the system takes no command line of this length.
        """
        line = command if isinstance(command, str) else shlex.join(command)
        done = await self._guard(self._run(self._line(line), command, text, timeout, most=most))
        return CompletedProcess(
            command,
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    async def read(self, line: str) -> CompletedProcess[bytes]:
        """Run a line for the board's shell whose output is no text."""
        return await self._guard(self._run(self._line(line), line, None, None))

    async def feed(self, line: str, source: int) -> CompletedProcess[str]:
        """Run a line for the board's shell whose input a descriptor of ours gives."""
        done = await self._guard(self._run(self._line(line), line, None, None, source=source))
        return CompletedProcess(
            line,
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    async def copy(self, source: Path | str, target: Path | str) -> None:
        """Copy a file or folder; texts are paths on the board. Raises CopyError."""
        arguments = copy_line(find_ssh("scp"), self._access, self._told(), source, target)
        done = await self._guard(self._run(arguments, arguments, None, None), copying=True)
        if done.returncode:
            complaint = done.stderr.decode(errors="replace")
            words = " ".join(complaint.split()) or f"scp ended with {done.returncode}"
            raise CopyError(f"{source} was not copied to {target}: {words}")

    async def fetch(self, source: str, target: Path, most: int) -> None:
        """Copy one file from the board, of so many bytes at most. Raises CopyError."""
        line = shlex.join(("head", "-c", str(most + 1), "--", source))
        done = await self._guard(self._fetched(self._line(line), target, most), copying=True)
        if done.returncode:
            target.unlink(missing_ok=True)  # noqa: ASYNC240  # a local disk
            words = " ".join(done.stderr.decode(errors="replace").split())
            told = words or f"ssh ended with {done.returncode}"
            raise CopyError(f"{source} was not copied to {target}: {told}")

    async def _fetched(
        self, arguments: Sequence[str], target: Path, most: int
    ) -> CompletedProcess[bytes]:
        """Write what a program prints into a file; one that prints more than ``most`` is ended."""
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, **self._way.environment},
        )
        assert process.stdout is not None
        assert process.stderr is not None
        complaints = asyncio.create_task(_first(process.stderr, PIECE))
        size = 0
        try:
            with target.open("wb") as file:  # a local disk, piece by piece
                while piece := await process.stdout.read(PIECE):
                    size += len(piece)
                    if size > most:
                        return CompletedProcess(arguments, 1, b"", b"it is larger than %d" % most)
                    file.write(piece)
            return CompletedProcess(arguments, await process.wait(), b"", await complaints)
        except OSError as error:
            told = f"{target}: {error.strerror}"
            return CompletedProcess(arguments, 1, b"", told.encode())
        finally:
            complaints.cancel()
            await asyncio.gather(complaints, return_exceptions=True)
            await end(process)

    @asynccontextmanager
    async def forward(self, local: int, host: str, port: int) -> AsyncIterator[int]:
        """Let a port here lead to one that the board reaches; see ``forwarding``."""
        there = self._way.environment
        async with forwarding(
            lambda more: self._line(None, *more), local, host, port, there
        ) as chosen:
            yield chosen

    def _line(self, line: str | None, *more: str) -> list[str]:
        options = ("-o", "BatchMode=yes", "-T", *more)
        words = () if line is None else (line,)
        return command_line(find_ssh(), self._access, self._told(), words, options)

    def _told(self) -> Files:
        if self._files is None:
            self._files = self._stack.enter_context(session_files(self._access, None, self._way))
        return self._files

    async def _run(
        self,
        arguments: Sequence[str],
        told: str | Sequence[str],
        text: str | None,
        timeout: float | None,
        *,
        source: int = DEVNULL,
        most: int | None = None,
    ) -> CompletedProcess[bytes]:
        """Run a program to its end; it is ended when the time is over or nobody waits any more."""
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=source if text is None else PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env={**os.environ, **self._way.environment},
            )
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            raise InvalidError(
                "a command, path or text is longer than the system lets a command line be (some "
                "128 KiB); put it into a file on the board"
            ) from error
        given = None if text is None else text.encode()
        try:
            async with asyncio.timeout(timeout):
                if most is None:
                    out, err = await process.communicate(given)
                else:
                    out, err = await _bounded(process, given, most)
        finally:
            await end(process)
        return CompletedProcess(told, process.returncode or 0, out, err)


async def _bounded(process: Process, given: bytes | None, most: int) -> tuple[bytes, bytes]:
    """Do as ``communicate`` does, and drop what comes beyond ``most`` bytes."""
    assert process.stdout is not None
    assert process.stderr is not None
    out, err, _ = await asyncio.gather(
        _first(process.stdout, most), _first(process.stderr, most), _feed(process, given)
    )
    await process.wait()
    return out, err


async def _first(stream: asyncio.StreamReader, most: int) -> bytes:
    kept = bytearray()
    while piece := await stream.read(PIECE):
        kept += piece[: most - len(kept)]
    return bytes(kept)


async def _feed(process: Process, given: bytes | None) -> None:
    if process.stdin is None or given is None:
        return
    # A command that does not read what it is given ends as it likes.
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(given)
        await process.stdin.drain()
    process.stdin.close()
