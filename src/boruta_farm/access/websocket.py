"""Streams of agents through proxies that pass nothing but HTTP: a WebSocket that ends here.

Each binary message carries some bytes of the stream, an empty one is the end of its direction.
Users' connections are carried between sockets only, so the bytes go on through a pair of sockets
of this process; it costs more than raw TCP, and is the agent's last resort.
"""

import asyncio
import logging
import socket
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

logger = logging.getLogger(__name__)

CHUNK = 64 * 1024
LONGEST_MESSAGE = 1 << 20
LONGEST_HEADERS = 16 * 1024
LOOPBACK = "127.0.0.1"


class WebSocketStream:
    """Be the server's side of one WebSocket on a non-blocking socket.

    Every method may raise OSError; what the other side does wrong is one as well.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, caller: socket.socket) -> None:
        self._loop = loop
        self._caller = caller
        self._protocol = ServerProtocol(max_size=LONGEST_MESSAGE)
        self._arrived: list[bytes] = []
        self._sending = asyncio.Lock()

    async def open(self, head: bytes) -> None:
        """Answer the opening request, of which ``head`` has come already."""
        size = len(head)
        self._protocol.receive_data(head)
        while not (events := self._protocol.events_received()):
            if size > LONGEST_HEADERS:
                raise OSError("its request is too long")
            data = await self._loop.sock_recv(self._caller, CHUNK)
            size += len(data)
            if not data:
                raise OSError("it hung up within its request")
            self._protocol.receive_data(data)
        request = events[0]
        if not isinstance(request, Request):
            raise OSError("it sent no request for a WebSocket")
        if "Origin" in request.headers:
            # Agents send none; browsers must not be able to speak for a board.
            response = self._protocol.reject(HTTPStatus.FORBIDDEN, "agents only\n")
        else:
            response = self._protocol.accept(request)
        self._protocol.send_response(response)
        await self._flush()
        if not self._is_open():
            raise OSError("it was refused a WebSocket")
        self._arrived.extend(_payloads(events[1:]))

    async def receive(self) -> bytes:
        """Return what came next; nothing is the clean end of this direction."""
        while not self._arrived:
            data = await self._loop.sock_recv(self._caller, CHUNK)
            if not data:
                raise OSError("the WebSocket broke")
            self._protocol.receive_data(data)
            events = self._protocol.events_received()
            await self._flush()
            self._arrived.extend(_payloads(events))
            if not self._arrived and not self._is_open():
                raise OSError("the WebSocket was closed")
        return self._arrived.pop(0)

    async def send(self, data: bytes) -> None:
        """Send some bytes; none are the end of this direction."""
        try:
            self._protocol.send_binary(data)
        except (ConnectionClosed, WebSocketException) as error:
            raise OSError(f"the WebSocket is closed: {error}") from None
        await self._flush()

    async def finish(self) -> None:
        """Say goodbye after both directions have ended."""
        if self._is_open():
            self._protocol.send_close(1000)
            await self._flush()

    def _is_open(self) -> bool:
        return self._protocol.state is State.OPEN

    async def _flush(self) -> None:
        """Send what the protocol wants to be sent, in its order."""
        async with self._sending:
            for data in self._protocol.data_to_send():
                if data:
                    await self._loop.sock_sendall(self._caller, data)


async def carry(
    stream: WebSocketStream, far: socket.socket, loop: asyncio.AbstractEventLoop
) -> None:
    """Copy both ways until both directions have ended.

    Raises OSError, in a group, when one breaks.

    Nothing is read that was not written before: a side that does not read holds the other back.
    """

    async def from_board() -> None:
        while data := await stream.receive():
            await loop.sock_sendall(far, data)
        far.shutdown(socket.SHUT_WR)

    async def to_board() -> None:
        while data := await loop.sock_recv(far, CHUNK):
            await stream.send(data)
        await stream.send(b"")

    async with asyncio.TaskGroup() as group:
        group.create_task(from_board())
        group.create_task(to_board())
    await stream.finish()


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected TCP sockets of this process, non-blocking.

    TCP and not a unix pair, since a cut connection must arrive as a reset on the other side.
    """
    while True:
        with socket.create_server((LOOPBACK, 0), backlog=1) as listener:
            near = socket.create_connection(listener.getsockname())
            far, _ = listener.accept()
        if far.getpeername() == near.getsockname():
            near.setblocking(False)
            far.setblocking(False)
            return near, far
        # Somebody else of this machine was faster than our own end.
        near.close()
        far.close()


def _payloads(events: Iterable[object]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT):
            payload = bytes(event.data)
            if payload or (event.fin and event.opcode is Opcode.BINARY):
                yield payload
        elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            raise OSError("it sent text, streams are bytes")
