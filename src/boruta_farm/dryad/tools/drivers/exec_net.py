"""The device's ports behind commands, and files that a command serves to it."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from boruta_farm.dryad.commands import PATH, lines_of
from boruta_farm.dryad.hooks import distrust
from boruta_farm.dryad.tools.drivers.exec_programs import ExecTool
from boruta_farm.dryad.tools.programs import Words, call, tied
from boruta_farm.model.errors import BoardError

KEPT: Final = 4096


SETTLED_WITHIN: Final = 1.0
"""Seconds in which what an ended program has said is here; its daemons may hold on to it."""


class _Answers(asyncio.StreamReader):
    """What a program says, and behind its last byte how it failed."""

    failure = ""

    async def read(self, n: int = -1) -> bytes:
        """Return bytes. Raises ConnectionError in place of the end where the program failed."""
        data = await super().read(n)
        if not data and self.failure:
            raise ConnectionError(self.failure)
        return data


class _Connection(asyncio.StreamReaderProtocol):
    """Join a connection to a program: neither outlives the other."""

    process: asyncio.subprocess.Process

    def __init__(self, reader: _Answers) -> None:
        super().__init__(reader)
        self.said_all = asyncio.Event()

    def eof_received(self) -> bool:
        """Leave it to the program's end, which tells whether all was well."""
        self.said_all.set()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """End the program with all its children in its session."""
        self.said_all.set()
        super().connection_lost(error)
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class ExecNet(ExecTool):
    """Run ``connect`` for each connection, ``publish`` and ``withdraw`` for files."""

    def ports(self) -> Mapping[str, str]:
        """Return the configured ports."""
        return self.settings.ports

    async def connect(self, port: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Start ``connect`` with the port's name behind it; its input and output are the port's."""
        words = (*(self.settings.connect or ()), port)
        if trouble := distrust(Path(words[0])):
            raise BoardError(trouble)
        loop = asyncio.get_running_loop()
        reader = _Answers()
        protocol = _Connection(reader)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                protocol.process = await self._start(words, theirs.fileno())
            transport, _ = await loop.create_connection(lambda: protocol, sock=ours)
        except BaseException:
            ours.close()
            raise
        task = loop.create_task(_watch(protocol, transport, reader, words[0]))
        # The loop alone would let go of it.
        _WATCHED.add(task)
        task.add_done_callback(_WATCHED.discard)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _start(self, words: Words, joined: int) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *tied(words),
                stdin=joined,
                stdout=joined,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                cwd="/",
                env={"PATH": PATH, "LANG": "C.UTF-8", **self.programs.environment},
            )
        except (OSError, ValueError) as error:
            raise BoardError(f"{words[0]} cannot be started: {error}") from error

    async def publish(self, name: str, content: AsyncIterator[bytes]) -> str:
        """Run ``publish`` with the file as its input and its name behind it."""
        if self.settings.publish is None:
            raise BoardError("nothing is served to this device; its admin sets 'publish'")
        words = (*self.settings.publish, name)
        ours, theirs = socket.socketpair()
        limit, environment = self.settings.write_timeout, self.programs.environment
        program = asyncio.ensure_future(call(words, limit, environment, source=theirs.detach()))
        _, writer = await asyncio.open_connection(sock=ours)
        try:
            # A program that has enough, or has failed, ends; its status tells.
            with contextlib.suppress(ConnectionError):
                async for data in content:
                    writer.write(data)
                    await writer.drain()
            writer.close()
            outcome = await program
        finally:
            writer.close()
            program.cancel()
            await asyncio.wait((program,))
        if outcome.status:
            last = f": {outcome.last_line}" if outcome.last_line else ""
            raise BoardError(f"{words[0]} {outcome.ending}{last}")
        return next(iter(lines_of(outcome.output)[-1:]), name)

    async def withdraw(self) -> tuple[str, ...]:
        """Run ``withdraw``, which prints the name of each file that it has taken back."""
        return tuple(lines_of(await self.programs.succeed(self.settings.withdraw)))


_WATCHED: Final[set[asyncio.Task[None]]] = set()


async def _watch(
    protocol: _Connection, transport: asyncio.Transport, reader: _Answers, name: str
) -> None:
    """Wait for a program's end, and end the connection as it ended."""
    process = protocol.process
    assert process.stderr is not None
    complaints = bytearray()
    telling = asyncio.create_task(_take(process.stderr, complaints))
    ending = asyncio.create_task(protocol.said_all.wait())
    status = await process.wait()
    await asyncio.wait((telling, ending), timeout=SETTLED_WITHIN)
    telling.cancel()
    ending.cancel()
    if status:
        told = (f"{name} ended with status {status}", *lines_of(bytes(complaints))[-1:])
        reader.failure = ": ".join(told)
    if protocol.said_all.is_set():
        reader.feed_eof()
    else:
        transport.close()


async def _take(stream: asyncio.StreamReader, kept: bytearray) -> None:
    """Read complaints, and keep the last of them."""
    while piece := await stream.read(KEPT):
        kept += piece
        del kept[:-KEPT]
