"""Both ends of a stream: a TCP connection, and the greeting by which the relay knows it."""

import asyncio
import json
import socket
from typing import Protocol

from boruta_farm.model.errors import BoardError, UnavailableError

CONNECT_WITHIN = 3.0
ANSWER_WITHIN = 3.0
CHUNK = 128 * 1024
LONGEST_ANSWER = 256


class Carrier(Protocol):
    """Carry bytes both ways; each direction ends by itself. Raises OSError when it breaks."""

    async def receive(self) -> bytes | memoryview:
        """Return what came, nothing at the other side's end; valid until the next call."""
        ...

    async def send(self, data: bytes | memoryview) -> None:
        """Send all of it, waiting while the other side does not read."""
        ...

    async def end(self) -> None:
        """Say that nothing more will be sent."""
        ...

    async def finish(self) -> None:
        """See that everything has left, after both directions have ended."""
        ...

    def abort(self) -> None:
        """Let go of the connection at once; harmless when that is done already."""
        ...


class TcpCarrier:
    """Carry bytes over a TCP connection, with one buffer of its own and no other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(CHUNK))

    async def receive(self) -> memoryview:
        """Return what came, in the carrier's own buffer."""
        return self._buffer[: await self._loop.sock_recv_into(self._connection, self._buffer)]

    async def line(self) -> bytes:
        """Return one line, byte by byte: what follows belongs to the stream and stays unread."""
        line = b""
        while not line.endswith(b"\n") and len(line) < LONGEST_ANSWER:
            byte = await self._loop.sock_recv(self._connection, 1)
            if not byte:
                raise OSError("it hung up without an answer")
            line += byte
        return line

    async def send(self, data: bytes | memoryview) -> None:
        """Send all of it."""
        await self._loop.sock_sendall(self._connection, data)

    async def end(self) -> None:
        """Say that nothing more will be sent."""
        self._connection.shutdown(socket.SHUT_WR)

    async def finish(self) -> None:
        """Leave the rest to the kernel."""

    def abort(self) -> None:
        """Let go of the connection."""
        self._connection.close()


async def connect(host: str, port: int) -> TcpCarrier:
    """Return a connection. Raises UnavailableError naming what is out of reach."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            transport = await _connected(loop, host, port)
    except (OSError, TimeoutError) as error:
        raise UnavailableError(
            f"{host} port {port} is out of reach: {error or 'no answer in time'}"
        ) from None
    return TcpCarrier(transport)


async def connect_raw(host: str, port: int, greeting: bytes) -> TcpCarrier:
    """Return a stream to the relay that it has opened.

    Raises UnavailableError when it is out of reach this way, BoardError when it refuses.
    """
    carrier = await connect(host, port)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await carrier.send(greeting)
            check_answer(await carrier.line())
    except (OSError, TimeoutError) as error:
        carrier.abort()
        raise UnavailableError(
            f"{host} port {port} does not answer as the relay: {error or 'it said nothing'}"
        ) from None
    except BaseException:
        carrier.abort()
        raise
    return carrier


def greeting(worker: str, epoch: int, token: str) -> bytes:
    """Return the line by which a stream opens."""
    return json.dumps({"worker": worker, "epoch": epoch, "token": token}).encode() + b"\n"


def check_answer(line: bytes) -> None:
    """See that the relay opened the stream. Raises BoardError, OSError for another's words."""
    try:
        answer: object = json.loads(line)
    except ValueError:
        answer = None
    said = answer.get("stream") if isinstance(answer, dict) else None
    if said == "refused":
        raise BoardError("the relay refused the stream: its token is used or too old")
    if said != "open":
        raise OSError("something else than the relay answered")


async def _connected(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    error: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        connection = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await loop.sock_connect(connection, address)
        except OSError as failure:
            connection.close()
            error = failure
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise error or OSError("it has no address")
