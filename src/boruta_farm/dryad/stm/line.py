"""One command at a time over a line that may be half a reply behind, or dead."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.stm.errors import ArgumentError, PortError, ResponseError, SilenceError
from boruta_farm.dryad.stm.port import Port
from boruta_farm.dryad.stm.reply import Ending, Reply, ReplyParser, is_sendable

logger = logging.getLogger(__name__)

_NO_ECHO: Final = "echo off"
_NO_ECHO_VALUE: Final = "Echo is off now."


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Tell how long to wait, in seconds: for a reply, and to call the line quiet.

    The chip answers within milliseconds; only a power tick takes its own time on top.
    """

    reply: float = 2.0
    quiet: float = 0.1


class Line:
    """Send commands and return their values; callers are served in the order they came.

    The line is opened at the first command, and again after it was lost. After silence, a
    cancelled caller or a doubtful reply, sender and chip are brought into step before the next
    command, so that a late reply is never taken for another's.
    """

    def __init__(self, open_port: Callable[[], Port], *, timing: Timing | None = None) -> None:
        self._open_port = open_port
        self._timing = timing or Timing()
        self._parser = ReplyParser()
        self._turn = asyncio.Lock()
        self._port: Port | None = None
        self._in_step = False
        self._busy_until = 0.0
        self._closed = False

    async def ask(self, command: str, *, extra: float = 0.0) -> tuple[str, ...]:
        """Send a command and return the lines of its reply before ``OK``.

        ``extra`` is how many seconds the chip takes its time. Raises ``ArgumentError`` for what
        the chip would misread, ``PortError``, ``SilenceError``, and ``ResponseError`` when the
        chip refuses.
        """
        if not is_sendable(command):
            raise ArgumentError(
                f"a command is one line of at most 64 printable characters and 10 words, "
                f"not {command!r}"
            )
        async with self._turn:
            reply = await self._ask(command, extra)
            if reply.ending is Ending.UNKNOWN:
                # Noise in front of a command makes it unknown, and so not carried out.
                logger.info("the controller did not understand %r; repeating it", command)
                self._in_step = False
                reply = await self._ask(command, extra)
        if reply.ending is not Ending.OK:
            raise ResponseError(f"unexpected response: {reply.ending} (to {command!r})")
        return reply.values

    def doubt(self) -> None:
        """Bring sender and chip into step before the next command: a reply made no sense."""
        self._in_step = False

    async def close(self) -> None:
        """Give the line up; callers that wait get a ``PortError``."""
        self._closed = True
        self._drop_port()

    async def _ask(self, command: str, extra: float) -> Reply:
        try:
            port = await self._ready()
            return await self._exchange(port, command, self._timing.reply + extra)
        except PortError:
            self._drop_port()
            raise

    async def _ready(self) -> Port:
        if self._closed:
            raise PortError("the line to the board's controller was closed")
        if self._port is None:
            self._port = self._open_port()
            self._in_step = False
        if not self._in_step:
            await self._get_into_step(self._port)
            self._in_step = True
        return self._port

    async def _exchange(self, port: Port, command: str, seconds: float) -> Reply:
        self._in_step = False
        # Whatever happens to us, the chip may be busy with this command for so long.
        self._busy_until = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout(seconds):
                reply = await self._receive(port, command)
        except TimeoutError as error:
            raise SilenceError(
                f"no reply to {command!r} on {port.name} within {seconds:g} s; "
                "check that the board's controller has power (muxpi-power)"
            ) from error
        self._in_step = True
        self._busy_until = 0.0
        return reply

    async def _receive(self, port: Port, command: str) -> Reply:
        self._parser.begin(command, port.read_waiting())
        await port.write(f"{command}\n".encode("ascii"))
        while (reply := self._parser.feed(await port.read())) is None:
            continue
        return reply

    async def _get_into_step(self, port: Port) -> None:
        """End a command that was begun, drop what comes, find the reply to a known command."""
        busy = max(0.0, self._busy_until - asyncio.get_running_loop().time())
        seconds = busy + self._timing.reply
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await port.write(b"\n")
                    await self._drain(port)
                    reply = await self._receive(port, _NO_ECHO)
                    if _NO_ECHO_VALUE in reply.values:
                        break
                    # Either an older command ended just now, or this build says it otherwise.
                    if not await self._drain(port):
                        break
        except TimeoutError as error:
            raise SilenceError(
                f"no orderly reply on {port.name} within {seconds:g} s; "
                "check that the board's controller has power (muxpi-power)"
            ) from error

    async def _drain(self, port: Port) -> bool:
        """Drop what comes until the line is quiet; tell whether anything came."""
        heard = False
        while True:
            try:
                async with asyncio.timeout(self._timing.quiet):
                    await port.read()
            except TimeoutError:
                return heard
            heard = True

    def _drop_port(self) -> None:
        self._in_step = False
        if self._port is not None:
            self._port.close()
            self._port = None
