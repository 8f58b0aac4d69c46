"""A server of ours in front of a small application, and callers who speak raw bytes to it."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from boruta_farm.server.http.door import Door
from boruta_farm.server.http.port import http_protocol
from boruta_farm.web.app import WebApp
from boruta_farm.web.calls import DIRECT
from tests.certificates import Authority, files_in
from tests.web.serving import RawAnswer, join_chunks, parse_answer

WITHIN = 30.0


@dataclass
class Echo:
    """Answer with what was heard: method, path, query and body, as JSON.

    ``/big`` answers with so many bytes as its query says, ``/stream`` in parts, ``/refuse`` with
    401 before anything of the body was read. ``direct`` has it pass by ASGI's messages.
    """

    heard: list[str] = field(default_factory=list)
    direct: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.heard.append(f"{scope['method']} {path}")
        if path == "/refuse":
            await self._answer(scope, send, 401, b"no")
            return
        if path == "/big":
            await self._answer(scope, send, 200, b"x" * int(scope["query_string"]))
            return
        whole = scope[DIRECT].whole_body() if self.direct else None
        body = await _read(receive) if whole is None else whole
        if path == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for part in (b"one ", b"two ", body):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        told = {
            "method": scope["method"],
            "path": path,
            "query": scope["query_string"].decode(),
            "body": body.decode(),
            "headers": [name.decode() for name, _ in scope["headers"]],
        }
        await self._answer(scope, send, 200, json.dumps(told).encode())

    async def _answer(self, scope: Scope, send: Send, status: int, body: bytes) -> None:
        if self.direct and scope[DIRECT].write_answer(status, (), body):
            return
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body + b"(gone)"
        part: bytes = message["body"]
        body += part
        if not message["more_body"]:
            return body


@dataclass(frozen=True, slots=True)
class Port:
    """Where the server is, and how it is spoken to; ``authority`` is None over plain HTTP."""

    number: int
    authority: Path | None = None

    @property
    def url(self) -> str:
        """Return the address that programs are given."""
        return f"http{'s' if self.authority else ''}://127.0.0.1:{self.number}"

    async def connect(
        self, source: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection, from this address of loopback."""
        trust = None
        if self.authority is not None:
            trust = ssl.create_default_context(cafile=self.authority)
        local = None if source is None else (source, 0)
        return await asyncio.open_connection("127.0.0.1", self.number, ssl=trust, local_addr=local)

    async def say(self, *parts: bytes) -> bytes:
        """Send what is given, part by part, and return all that comes until the end."""
        reader, writer = await self.connect()
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(WITHIN):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def speaking(
    app: object, *, door: Door | None = None, tls: Path | None = None, both_stacks: bool = False
) -> AsyncIterator[Port]:
    """Serve an application; ``tls`` is a folder for certificates, None serves plain HTTP.

    With ``both_stacks`` callers over IPv4 come mapped into IPv6.
    """
    context, authority = None, None
    if tls is not None:
        made = Authority(tls)
        authority = made.file
        files = made.issue(files_in(tls))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.certificate, files.key)
    protocol = http_protocol(door or Door(), context)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # any application will do
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
    )
    config.load()
    state = ServerState()
    make: Callable[[], asyncio.Protocol] = partial(
        cast("Any", protocol), config=config, server_state=state, app_state={}
    )
    # Uvicorn's own loop looks ten times a second whether it should end; tests need not wait for it.
    host, family = ("::", socket.AF_INET6) if both_stacks else ("127.0.0.1", socket.AF_INET)
    listener = socket.create_server((host, 0), family=family, dualstack_ipv6=both_stacks)
    server = await asyncio.get_running_loop().create_server(make, sock=listener)
    try:
        yield Port(server.sockets[0].getsockname()[1], authority)
    finally:
        server.close()
        if isinstance(app, WebApp):
            app.stop()
        for connection in list(state.connections):
            connection.shutdown()
        async with asyncio.timeout(WITHIN):
            await asyncio.gather(*state.tasks)


def answers_in(data: bytes) -> Iterator[RawAnswer]:
    """Cut what came over the wire into answers; those without a length go to the end."""
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        answer = parse_answer(head + b"\r\n\r\n")
        if answer.status == 100:
            data = rest
            yield answer
            continue
        if answer.headers.get("transfer-encoding") == "chunked":
            coded, _, data = rest.partition(b"0\r\n\r\n")
            body = join_chunks(coded)
        else:
            length = int(answer.headers.get("content-length", len(rest)))
            body, data = rest[:length], rest[length:]
        yield RawAnswer(answer.status, answer.headers, body)


def heard(answer: RawAnswer) -> dict[str, str]:
    """Return what the application says it heard."""
    assert answer.status == 200, answer
    told: dict[str, str] = json.loads(answer.body)
    return told
