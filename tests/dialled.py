"""A server that is dialled: it keeps what it was sent, or turns everybody away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

LARGEST = 1024
"""Bytes of one message that those who dial it take."""


class DialledServer:
    """Greet, answer two words with what ends a connection; ``status`` turns everybody away."""

    def __init__(self, status: HTTPStatus | None = None) -> None:
        self.status = status
        self.headers: list[str | None] = []
        self.paths: list[str] = []
        self.got: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.closed: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def greet(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.headers.append(connection.request.headers.get("Authorization"))
        self.paths.append(connection.request.path)
        await connection.send("welcome")
        async for message in connection:
            self.got.put_nowait(message)
            if message == "bytes":
                await connection.send(b"\0")
            if message == "much":
                await connection.send("x" * (LARGEST + 1))
        self.closed.put_nowait((connection.close_code, connection.close_reason))

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(self.status, "no\n") if self.status is not None else None


@asynccontextmanager
async def listening(status: HTTPStatus | None = None) -> AsyncIterator[tuple[DialledServer, int]]:
    """Have one for the block; return it and its port."""
    server = DialledServer(status)
    async with serve(server.greet, "127.0.0.1", 0, process_request=server.check) as sockets:
        yield server, next(iter(sockets.sockets)).getsockname()[1]
