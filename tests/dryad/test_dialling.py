import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from boruta_farm.dryad.dialling import Dialler, link_url
from boruta_farm.model.errors import RefusedError, UnavailableError


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("http://farm.example:8487", "ws://farm.example:8487/api/v1/link"),
        ("https://farm.example", "wss://farm.example/api/v1/link"),
        ("https://farm.example/boruta/", "wss://farm.example/boruta/api/v1/link"),
        ("ws://[::1]:8487", "ws://[::1]:8487/api/v1/link"),
        ("wss://farm.example", "wss://farm.example/api/v1/link"),
    ],
)
def test_the_links_address_lies_below_the_servers(server: str, url: str) -> None:
    assert link_url(server) == url


class Server:
    """A server that keeps what it was sent; ``status`` turns everybody away."""

    def __init__(self) -> None:
        self.status: HTTPStatus | None = None
        self.headers: list[str | None] = []
        self.paths: list[str] = []
        self.got: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.closed: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.headers.append(connection.request.headers.get("Authorization"))
        self.paths.append(connection.request.path)
        await connection.send("welcome")
        async for message in connection:
            self.got.put_nowait(message)
            if message == "bytes":
                await connection.send(b"\0")
        self.closed.put_nowait((connection.close_code, connection.close_reason))

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(self.status, "no\n") if self.status is not None else None


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, Dialler]]:
    server = Server()
    async with serve(server.serve, "127.0.0.1", 0, process_request=server.check) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield server, Dialler(f"http://127.0.0.1:{port}", lambda: "s3cret")


async def test_messages_go_both_ways() -> None:
    async with serving() as (server, dialler):
        socket = await dialler.dial()
        assert await socket.receive() == "welcome"
        await socket.send("hello")
        assert await server.got.get() == "hello"
        assert server.headers == ["Bearer s3cret"]
        assert server.paths == ["/api/v1/link"]
        await socket.close(1000, "done")
        assert await server.closed.get() == (1000, "done")
        assert await socket.receive() is None
        await socket.send("too late")


async def test_bytes_end_the_link() -> None:
    async with serving() as (_, dialler):
        socket = await dialler.dial()
        assert await socket.receive() == "welcome"
        await socket.send("bytes")
        assert await socket.receive() is None
        await socket.close(1000, "")


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])
async def test_being_turned_away_is_a_refusal(status: HTTPStatus) -> None:
    async with serving() as (server, dialler):
        server.status = status
        with pytest.raises(RefusedError, match="turned the agent away"):
            await dialler.dial()


@pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE])
async def test_another_answer_is_tried_again(status: HTTPStatus) -> None:
    async with serving() as (server, dialler):
        server.status = status
        with pytest.raises(UnavailableError, match=str(status.value)):
            await dialler.dial()


async def test_a_closed_port_is_out_of_reach() -> None:
    async with serving() as (_, dialler):
        pass
    with pytest.raises(UnavailableError, match="out of reach"):
        await dialler.dial()


@pytest.mark.parametrize(
    ("server", "exposed"),
    [
        ("http://farm.example:8487", True),
        ("ws://10.0.0.5", True),
        ("https://farm.example", False),
        ("http://127.0.0.1:8487", False),
        ("http://localhost", False),
    ],
)
def test_a_credential_in_the_open_is_noticed(server: str, exposed: bool) -> None:
    assert Dialler(server, lambda: "s3cret").exposed is exposed
