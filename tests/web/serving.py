"""The application in front of the real farm over SQLite: called directly, or on a real port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send
from tests.store.making import HandClock

from boruta_farm.access.listening import listen
from boruta_farm.clock import Clock
from boruta_farm.contracts import Prepared
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.metrics.exposition import Metrics, Sources
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.front_door import FrontDoorPlace
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, KeyPair, Registration, Worker, WorkerState
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.port import http_protocol
from boruta_farm.store.base import Store
from boruta_farm.store.sqlite import MEMORY, SqliteStore
from boruta_farm.terminals.terminals import BoardTerminals
from boruta_farm.testing.boards import SimulatedBoards
from boruta_farm.testing.simulation import PlainCipher
from boruta_farm.web.app import api_routes, build_app, entrance_to
from boruta_farm.web.auth import People
from boruta_farm.web.boards import BoardHub, Socket
from boruta_farm.web.metrics import Traffic
from boruta_farm.web.routes import Route
from boruta_farm.web.services import Health, Services, WebOptions

VERSION = "9.8.7"
NOW = datetime(2026, 11, 23, 20, 7, 42, 739845, tzinfo=UTC)
KEY = "-----BEGIN RSA PRIVATE KEY-----\nbm90IGEga2V5\n-----END RSA PRIVATE KEY-----\n"

ROUNDS = 50
"""Turns of the loop after which nothing of a farm in one process is still on its way."""


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


def services_of(
    farm: AssembledFarm,
    store: Store,
    clock: Clock,
    *,
    hub: BoardHub | None = None,
    health: Health = lambda: None,
) -> Services:
    """Return what the application is given of a farm."""
    traffic = Traffic()
    sources = Sources(
        version=VERSION,
        fleet=farm.fleet,
        store=store,
        answered=traffic,
        relay=farm.relay,
        connections=lambda _uuid: 0,
        health=health,
    )
    return Services(
        requests=farm.requests,
        workers=farm.workers,
        consoles=farm.consoles,
        hub=hub or FakeHub(),
        feed=farm.feed,
        events=store.events,
        clock=clock,
        health=health,
        time=farm.timekeeper,
        people=People(
            gate=farm.directory, accounts=farm.accounts, tokens=farm.tokens, audit=farm.audit
        ),
        version=VERSION,
        traffic=traffic,
        metrics=Metrics(sources, clock).write,
        # Nobody listens there, whatever else runs on this machine.
        door=lambda: FrontDoorPlace(port=1, key="ssh-ed25519 AAAA"),
        terminals=BoardTerminals(farm.requests, "127.0.0.1"),
    )


async def rest() -> None:
    """Return when matcher and listeners have done what they can."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


class World:
    """Hold a farm in memory whose time stands still and whose boards are played by the test.

    What asks nothing of the farm needs no ``async with``; everything else does. Boards answer
    when ``settle`` is called; the matcher runs by itself.
    """

    def __init__(self, options: WebOptions | None = None) -> None:
        self.options = options or WebOptions()
        self.trouble: str | None = None
        self.clock = HandClock(NOW)
        settings = FarmSettings()
        self.store = SqliteStore(MEMORY, self.clock, settings, inline=True)
        boards = SimulatedBoards(self.clock)
        self.farm = farm = AssembledFarm(self.store, settings, self.clock, PlainCipher(), boards)
        self.requests, self.workers = farm.requests, farm.workers
        self.hub = FakeHub()
        self.services = services_of(
            farm, self.store, self.clock, hub=self.hub, health=lambda: self.trouble
        )
        self.app = build_app(self.services, self.options)

    async def __aenter__(self) -> Self:
        await self.store.start()
        await self.farm.directory.load()
        self._matching = asyncio.create_task(self.farm.matcher.keep_matching())
        await self.rest()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._matching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._matching
        await self.store.close()

    def client(self) -> httpx.AsyncClient:
        """Return a client that calls the application without a socket."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://10.1.2.3:8487"
        )

    async def rest(self) -> None:
        """Return when matcher and listeners have done what they can."""
        await rest()

    async def register(self, uuid: str, name: str, caps: dict[str, str]) -> None:
        """Make a board known, of the kind without a fence."""
        await self.farm.superviser.register(
            Registration(
                caps={"UUID": uuid, **caps},
                name=name,
                dryad_address="192.0.2.9:7175",
                ssh_address="192.0.2.9:22",
                fence=Fence.NONE,
            )
        )

    async def settle(self) -> None:
        """Finish every preparation and clean-up, then let the matcher grant."""
        reports = self.farm.reports
        for worker in (await self.store.snapshot()).workers:
            if worker.state is WorkerState.PREPARE:
                pair = KeyPair(public="ssh-rsa AAAA", private=KEY)
                prepared = Prepared(username="boruta-user")
                await reports.prepared(worker.uuid, worker.epoch, pair, prepared)
            elif worker.state is WorkerState.BUSY:
                await reports.cleaned(worker.uuid, worker.epoch)
        await self.rest()

    async def lend(self, uuid: str, name: str, caps: dict[str, str]) -> None:
        """Make a board known, have it prepared, and lend it to who waits for it."""
        await self.register(uuid, name, caps)
        await self.workers.set_state(LOCAL_ADMIN, uuid, WorkerState.IDLE)
        await self.settle()

    async def request(self, request_id: int) -> Request:
        """Return a request as it is kept."""
        return await self.requests.get_request_info(LOCAL_ADMIN, request_id)

    async def kept(self) -> tuple[Request, ...]:
        """Return all requests."""
        return (await self.requests.list_requests(LOCAL_ADMIN)).items

    async def worker(self, uuid: str) -> Worker:
        """Return a worker as it is kept."""
        return await self.workers.get_worker_info(LOCAL_ADMIN, uuid)


NewWorld = Callable[..., Awaitable[World]]


@contextlib.contextmanager
def noted(contract: object, name: str) -> Iterator[list[tuple[Any, ...]]]:
    """Note with what a call of a contract is made inside the block, the caller left out."""
    real = getattr(contract, name)
    made: list[tuple[Any, ...]] = []

    async def call(_caller: object, *given: Any, **named: Any) -> Any:
        made.append((*given, *named.values()))
        return await real(_caller, *given, **named)

    setattr(contract, name, call)
    try:
        yield made
    finally:
        setattr(contract, name, real)


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


class Stoppable(Protocol):
    """An application whose endless answers can be made to end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def stop(self) -> None: ...


class Announcing(uvicorn.Server):
    """Tell when the port is served."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def served(app: Stoppable, host: str = "127.0.0.1") -> AsyncIterator[int]:
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
