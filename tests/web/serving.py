"""The application in front of a farm in memory: called directly, or served on a real port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import uvicorn
from tests.web.fakes import FakeRequests, FakeWorkers, FixedClock
from tests.web.journal import FakeJournal
from tests.web.people import people_in

from boruta_farm.access.listening import listen
from boruta_farm.model.answers import ClockReading
from boruta_farm.model.audit import AuditFilter, Entry
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import ForbiddenError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.server.door import Door
from boruta_farm.server.port import http_protocol
from boruta_farm.store.base import Answer, Decide
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.web.app import WebApp, api_routes, build_app, entrance_to
from boruta_farm.web.boards import Socket
from boruta_farm.web.routes import Route
from boruta_farm.web.services import Services, WebOptions

VERSION = "9.8.7"


class NoStore(SqliteStore):
    """Stand for a store where nobody has an account, and which refuses every change."""

    def __init__(self) -> None:
        super().__init__(":memory:", FixedClock(), FarmSettings(), inline=True)
        self._farm_id = "farm"

    async def run(self, decide: Decide[Answer]) -> Answer:
        raise ForbiddenError

    async def audit(self, where: AuditFilter) -> tuple[Entry, ...]:
        return ()


class FakeHub:
    """Echo one agent's messages in upper case."""

    def __init__(self) -> None:
        self.served: list[tuple[str, str | None]] = []
        self.local: list[bool] = []

    async def serve(
        self, socket: Socket, peer_ip: str, credential: str | None, *, local: bool = False
    ) -> None:
        self.served.append((peer_ip, credential))
        self.local.append(local)
        while (text := await socket.receive()) is not None:
            await socket.send(text.upper())


class QuietTime:
    """A farm's time of which there is nothing to be known."""

    def words(self) -> str | None:
        return None

    def reading(self, caller: Caller) -> ClockReading:
        return ClockReading(time=NOON, machine=NOON)

    async def adopt(self, caller: Caller) -> ClockReading:
        return self.reading(caller)


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class World:
    """Hold the farm's fakes behind one application."""

    options: WebOptions = field(default_factory=WebOptions)
    trouble: str | None = None

    def __post_init__(self) -> None:
        self.clock = FixedClock()
        self.workers = FakeWorkers(self.clock)
        self.requests = FakeRequests(self.clock, self.workers)
        self.journal = FakeJournal()
        self.hub = FakeHub()
        self.services = Services(
            requests=self.requests,
            workers=self.workers,
            hub=self.hub,
            feed=self.journal.feed(),
            events=self.journal.events,
            clock=self.clock,
            health=lambda: self.trouble,
            time=QuietTime(),
            people=people_in(NoStore()),
            version=VERSION,
        )
        self.app = build_app(self.services, self.options)

    def client(self) -> httpx.AsyncClient:
        """Return a client that calls the application without a socket."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://10.1.2.3:8487"
        )


def routes_of(world: World) -> tuple[Route, ...]:
    """Return every call of a world's API."""
    entrance = entrance_to(world.services, world.options)
    return api_routes(world.services, world.options, entrance)


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """Hold an answer as it came over the wire; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Announcing(uvicorn.Server):
    """Tell when the port is served."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def served(app: WebApp, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve an application on a free port, of the loopback by default, and yield the port."""
    config = uvicorn.Config(
        app,
        http=http_protocol(Door()),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = Announcing(config)
    sock = listen(host, 0, 64)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await server.ready.wait()
        yield sock.getsockname()[1]
    finally:
        app.stop()
        server.should_exit = True
        await serving


async def raw_call(
    port: int, method: str, path: str, headers: tuple[str, ...] = (), body: bytes | None = None
) -> RawAnswer:
    """Send one call exactly as written and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{method} {path} HTTP/1.1", "Host: boruta.example", "Connection: close", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
    try:
        answer = await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        await writer.wait_closed()
    return parse_answer(answer)


def parse_answer(answer: bytes) -> RawAnswer:
    """Cut a whole answer into its parts, chunks joined."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    if headers.get("transfer-encoding") == "chunked":
        body = join_chunks(body)
    return RawAnswer(int(first.split()[1]), headers, body)


def join_chunks(body: bytes) -> bytes:
    """Undo the chunked transfer coding."""
    joined = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        joined += body[:length]
        body = body[length + 2 :]
    return joined
