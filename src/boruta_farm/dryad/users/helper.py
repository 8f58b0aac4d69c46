"""The root helper: the small part of the agent that is root, behind a socket for one user."""

import asyncio
import contextlib
import logging
import os
import pwd
import socket
import struct
from asyncio.trsock import TransportSocket
from pathlib import Path
from typing import Final

from boruta_farm.dryad.files import replaceable
from boruta_farm.dryad.users.host import SessionHost
from boruta_farm.dryad.users.verbs import LONGEST_LINE, HelperAnswer, perform
from boruta_farm.model.errors import ConfigError

logger = logging.getLogger(__name__)

CREDENTIALS: Final = struct.Struct("3i")
IDLE_LIMIT: Final = 30.0
"""Seconds in which a caller must have sent its line."""


class Helper:
    """Answer calls on a unix socket, from one user and root, and from nobody else.

    Each connection is one call. A verb goes on when its caller goes away: a lost agent must not
    leave a board half cleaned.
    """

    def __init__(self, host: SessionHost, user: int) -> None:
        self._host = host
        self._allowed = {0, user}
        self._calls: set[asyncio.Task[HelperAnswer]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve the listening socket."""
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=LONGEST_LINE
        )

    async def close(self) -> None:
        """Take no more calls, and let those under way finish."""
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._host.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            caller = _caller(writer.get_extra_info("socket"))
            if caller not in self._allowed:
                logger.warning("a call of uid %d was refused", caller)
                return
            async with asyncio.timeout(IDLE_LIMIT):
                line = await reader.readuntil(b"\n")
            call = asyncio.create_task(perform(self._host, line))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            answer = await asyncio.shield(call)
            if answer.descriptor is None:
                writer.write(answer.line)
                await writer.drain()
            else:
                _hand_over(writer.get_extra_info("socket"), answer.line, answer.descriptor.number)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            logger.warning("a call was no line: %s", type(error).__name__)
        except OSError as error:
            logger.info("the caller went away: %s", error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _hand_over(connection: TransportSocket, line: bytes, descriptor: int) -> None:
    """Send a line with a descriptor, which is closed here; nothing else was sent before it."""
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as ours:
            socket.send_fds(ours, [line], [descriptor])
    finally:
        os.close(descriptor)


def listen(path: Path, user: int) -> socket.socket:
    """Make the socket, for one user alone. Raises ConfigError.

    Its folder must be one in which only root can put something else in its place.
    """
    folder = path.parent
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if trouble := replaceable(folder, frozenset({0})):
            raise ConfigError(f"helper: {trouble}")
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        os.chown(path, user, -1)
        listener.listen(16)
    except OSError as error:
        raise ConfigError(
            f"helper: {path} cannot be made: {error.strerror}; name a place in a folder of root's"
        ) from error
    return listener


def find_user(name: str) -> int:
    """Return the uid of the user that the agent runs as. Raises ConfigError."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigError(
            f"--user: there is no user {name!r} on this machine; make it: "
            f"useradd --system --no-create-home {name}"
        ) from None


def _caller(connection: socket.socket) -> int:
    """Return the uid of the process at the other end, as the kernel knows it."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(packed)[1])
