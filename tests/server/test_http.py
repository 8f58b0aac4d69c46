"""Slow and oversized headers are cut off, normal calls are not."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from boruta_farm.access.handover import SOCKET
from boruta_farm.access.rendezvous import listen
from boruta_farm.server.http import framing
from boruta_farm.server.http.bounds import Bounds
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.port import http_protocol

HASTY = Bounds(head_patience=0.2)


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(
        PlainTextResponse("fine"), http=http_protocol(door), lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        port: int = listener.getsockname()[1]
        yield port
    finally:
        server.should_exit = True
        await task
        listener.close()


async def answer_to(port: int, *parts: bytes) -> bytes:
    """Send what is given, keep the connection open, and return all that comes until its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


CALL = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def test_normal_calls_are_served() -> None:
    async with served(Door()) as port:
        assert b"200 OK" in await answer_to(port, CALL)
        assert b"200 OK" in await answer_to(port, CALL[:10], CALL[10:])


async def test_calls_sent_in_one_go_are_answered_in_turn() -> None:
    async with served(Door()) as port:
        found = await answer_to(port, CALL.replace(b"connection: close\r\n", b"") * 2 + CALL)
    assert found.count(b"200 OK") == found.count(b"fine") == 3
    assert found.endswith(b"fine")


@pytest.mark.parametrize("start", [b"", b"G", b"GET / HTTP/1.1\r\nhost: x\r\n"])
async def test_slow_headers_are_cut_off(start: bytes) -> None:
    async with served(Door(bounds=HASTY)) as port:
        assert b"408" in await answer_to(port, start)


async def test_what_is_cut_off_is_told_in_the_one_shape_of_errors() -> None:
    async with served(Door(bounds=HASTY)) as port:
        head, _, body = (await answer_to(port, b"GET / HTTP/1.1\r\n")).partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"retry-after: " in head
    assert json.loads(body)["Code"] == "slow-headers"


async def test_slow_second_call_is_cut_off() -> None:
    first = CALL.replace(b"close", b"keep-alive")
    async with served(Door(bounds=HASTY)) as port:
        answer = await answer_to(port, first, b"GET /")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"408" in answer


async def test_large_headers_are_refused() -> None:
    lines = b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(80))
    async with served(Door()) as port:
        answer = await answer_to(port, b"GET / HTTP/1.1\r\n", lines, b"\r\n")
    assert b"431" in answer or answer == b""
    assert len(lines) > framing.MAX_HEAD


UPGRADE = (
    b"GET /api/v1/stream?x=1 HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)


async def test_a_streams_websocket_is_handed_to_the_relay_whole(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    with listen(tmp_path, SOCKET) as relay:
        async with served(Door(data=tmp_path)) as port:
            answer = asyncio.create_task(answer_to(port, UPGRADE))
            async with asyncio.timeout(60):
                server, _ = await loop.sock_accept(relay)
                server.setblocking(True)
                head, [handle], _, _ = await asyncio.to_thread(socket.recv_fds, server, 1 << 16, 1)
            server.close()
            assert head.startswith(b"GET /api/v1/stream?x=1 HTTP/1.1\r\nhost: x\r\n")
            assert head.endswith(b"\r\n\r\n")
            with socket.socket(fileno=handle) as agent:
                agent.sendall(b"the relay speaks")
            assert await answer == b"the relay speaks"


async def test_without_a_relay_a_stream_is_told_so(tmp_path: Path) -> None:
    async with served(Door(data=tmp_path)) as port:
        assert b"503 Service Unavailable" in await answer_to(port, UPGRADE)


async def test_other_websockets_are_the_applications(tmp_path: Path) -> None:
    other = UPGRADE.replace(b"/stream?x=1", b"/link")
    with listen(tmp_path, SOCKET):
        async with served(Door(data=tmp_path)) as port:
            assert b"503" not in await answer_to(port, other)


async def test_what_is_tested_here_runs_on_the_loop_of_the_server() -> None:
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
