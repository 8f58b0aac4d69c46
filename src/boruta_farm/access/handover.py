"""Connections that arrived at the server's port and are the relay's: handed over as they are.

A unix socket can carry an open connection from one process to another. So a WebSocket for a stream
may come to the API's port, where proxies let it through, and still end in the relay: no byte of a
session passes the server.
"""

import asyncio
import logging
import socket
from pathlib import Path

from boruta_farm.access import rendezvous
from boruta_farm.access.gate import Gate

logger = logging.getLogger(__name__)

SOCKET = "streams.sock"
LONGEST_HEAD = 64 * 1024
RECEIVE_WITHIN = 5.0
PAUSE = 0.05
"""Seconds until the next try: without descriptors the listener stays readable."""


class Handover:
    """Take connections from the server and let them greet at the gate."""

    def __init__(self, loop: asyncio.AbstractEventLoop, folder: Path, gate: Gate) -> None:
        """Listen in the data folder, in place of an older relay. Raises OSError."""
        self._loop = loop
        self._folder = folder
        self._gate = gate
        (folder / SOCKET).unlink(missing_ok=True)
        self._listener = rendezvous.listen(folder, SOCKET)
        self._inode = (folder / SOCKET).stat().st_ino
        self._task = loop.create_task(self._accept())

    async def close(self) -> None:
        """Take no more; the name goes, unless a newer relay has it."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._listener.close()
        path = self._folder / SOCKET
        if path.exists() and path.stat().st_ino == self._inode:
            path.unlink()

    async def _accept(self) -> None:
        while True:
            try:
                server, _ = await self._loop.sock_accept(self._listener)
                with server:
                    async with asyncio.timeout(RECEIVE_WITHIN):
                        await self._take(server)
            except (OSError, TimeoutError) as error:
                logger.warning("a connection was not handed over: %s", error or "no word came")
                await asyncio.sleep(PAUSE)

    async def _take(self, server: socket.socket) -> None:
        readable = asyncio.Event()
        self._loop.add_reader(server, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(server)
        head, handles, _, _ = socket.recv_fds(server, LONGEST_HEAD, 1)
        for handle in handles:
            caller = socket.socket(fileno=handle)
            caller.setblocking(False)
            self._gate.take(caller, head)


def hand_over(folder: Path, handle: int, head: bytes) -> None:
    """Give an open connection to the relay, with what was read from it. Raises OSError.

    The caller closes its own copy, which ends nothing.
    """
    with rendezvous.call(folder, SOCKET) as relay:
        if socket.send_fds(relay, [head], [handle]) < len(head):
            raise OSError("the relay took only a part")
