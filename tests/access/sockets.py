"""Real sockets on loopback, and a board to talk to."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LOOPBACK = "127.0.0.1"
WITHIN = 60.0
BOARD_BANNER = b"SSH-2.0-board\r\n"


class Peer:
    """One end of a connection; every wait is bounded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @property
    def socket(self) -> socket.socket:
        """Return the socket below."""
        found = self.writer.get_extra_info("socket")
        assert found is not None
        return found  # type: ignore[no-any-return]  # asyncio types it so

    async def send(self, data: bytes) -> None:
        """Send all."""
        async with asyncio.timeout(WITHIN):
            self.writer.write(data)
            await self.writer.drain()

    async def receive(self, size: int) -> bytes:
        """Return exactly ``size`` bytes."""
        async with asyncio.timeout(WITHIN):
            return await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """Return everything until the other side's clean end."""
        async with asyncio.timeout(WITHIN):
            return await self.reader.read()

    async def end(self) -> str:
        """Wait for the end of the connection and tell how it came: closed or reset."""
        async with asyncio.timeout(WITHIN):
            try:
                while await self.reader.read(1 << 20):
                    pass
            except ConnectionError:
                return "reset"
            return "closed"

    async def close(self) -> None:
        """Close this end."""
        self.writer.close()
        try:
            async with asyncio.timeout(WITHIN):
                await self.writer.wait_closed()
        except ConnectionError:
            return


class Board:
    """A listening board: hands out the connections that reach it."""

    def __init__(self) -> None:
        self.port = 0
        self._arrived: asyncio.Queue[Peer] = asyncio.Queue()
        self._all: list[Peer] = []
        self.accepted = 0

    async def next(self) -> Peer:
        """Return the next connection that reaches the board."""
        async with asyncio.timeout(WITHIN):
            return await self._arrived.get()

    def arrive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        self.accepted += 1
        peer = Peer(reader, writer)
        self._all.append(peer)
        self._arrived.put_nowait(peer)

    async def close(self) -> None:
        """Close every connection."""
        for peer in self._all:
            await peer.close()


@asynccontextmanager
async def listening_board() -> AsyncIterator[Board]:
    """Run a board on a free port."""
    board = Board()
    server = await asyncio.start_server(board.arrive, LOOPBACK, 0)
    board.port = server.sockets[0].getsockname()[1]
    try:
        yield board
    finally:
        server.close()
        await board.close()
        await server.wait_closed()


@asynccontextmanager
async def dialled(port: int, host: str = LOOPBACK) -> AsyncIterator[Peer]:
    """Connect to a port."""
    async with asyncio.timeout(WITHIN):
        peer = Peer(*await asyncio.open_connection(host, port))
    try:
        yield peer
    finally:
        await peer.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a TCP connection, non-blocking."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    near.setblocking(False)
    far.setblocking(False)
    return near, far
