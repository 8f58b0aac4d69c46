"""The real farm on a free port of this machine, in a thread of its own, for clients to call."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boruta_farm.client.blocking import Bridge
from boruta_farm.clock import Clock, VirtualClock
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.model.caller import LOCAL_ADMIN, Caller, Role
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import AccessInfo, Worker, WorkerState
from boruta_farm.store.sqlite import MEMORY
from boruta_farm.testing.boards import Manner, SimulatedBoard
from boruta_farm.testing.simulation import SimulatedFarm
from boruta_farm.web.app import build_app
from boruta_farm.web.errors import answer_error
from boruta_farm.web.services import WebOptions
from tests.web.serving import rest, services_of
from tests.web.serving import served as served_on_a_port

Json = dict[str, Any]
Answers = dict[str, list[tuple[int, Json] | BorutaError | None]]
Result = TypeVar("Result")

FIRST_PORT = 20000
"""The farm's port of the first board."""

FIRST_KEY = "private 1"
"""What stands for the private key that the first board is prepared with."""

HOST_KEY = "ssh-ed25519 HOST"
ANN = Caller(id="ann", name="ann", groups=frozenset(), role=Role.USER)
"""Who belongs to no group: only boards in none serve her."""

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
"""One that a farm takes."""

OPTIONS = WebOptions(calls_per_source=0, calls_per_account=0)
PASSING = (WorkerState.PREPARE, WorkerState.BUSY)


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Hold a call as it came; ``path`` is below ``/api/v1/``."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    """When, on the clock of the loop."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Ear:
    """Note every call to the application; answer some in its stead and cut its streams.

    ``answers`` are given instead of the next calls to the paths that end so: a status and a body,
    or what the API says of an error; None lets a call through.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self.app = app
        self._clock = clock
        self.heard: list[Heard] = []
        self.answers: Answers = {}
        self.streams: list[asyncio.Future[None]] = []
        self._news = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        path = scope["path"].removeprefix("/api/v1/")
        self.heard.append(
            Heard(
                method=scope["method"],
                path=path,
                query=scope["query_string"].decode(),
                headers={k.decode(): v.decode() for k, v in scope["headers"]},
                body=body,
                at=asyncio.get_running_loop().time(),
            )
        )
        self._news.set()
        ends = path.rstrip("/").endswith
        waiting = next((kept for end, kept in self.answers.items() if kept and ends(end)), None)
        given = waiting.pop(0) if waiting else None
        if isinstance(given, BorutaError):
            told = answer_error(given, self._clock.now())
            given = (told.status, json.loads(told.body))
        if given is not None:
            await JSONResponse(given[1], given[0])(scope, receive, send)
        elif path == "events":
            await self._stream(scope, receive, send)
        else:
            read: list[Message] = [{"type": "http.request", "body": body}]

            async def replay() -> Message:
                return read.pop() if read else await receive()

            await self.app(scope, replay, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application believe that the caller has gone once the stream is cut."""
        cut = asyncio.get_running_loop().create_future()
        self.streams.append(cut)
        self._news.set()

        async def hear() -> Message:
            coming = asyncio.ensure_future(receive())
            try:
                await asyncio.wait((coming, cut), return_when=asyncio.FIRST_COMPLETED)
                return coming.result() if coming.done() else {"type": "http.disconnect"}
            finally:
                coming.cancel()

        try:
            await self.app(scope, hear, send)
        finally:
            self.streams.remove(cut)
            self._news.set()

    def cut(self) -> None:
        """End every open stream of events."""
        for stream in self.streams:
            if not stream.done():
                stream.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once ``condition``, of what was heard and which streams are open, holds."""
        while not condition():
            self._news.clear()
            await self._news.wait()


class Lab:
    """A farm in memory whose boards are simulated and play by themselves, behind its application.

    A board that is made idle is cleaned, prepared and lent by the farm's own rules.
    """

    def __init__(
        self, settings: FarmSettings | None = None, clock: VirtualClock | None = None
    ) -> None:
        self.simulated = SimulatedFarm(Path(MEMORY), settings, clock)
        self.ear: Ear

    @property
    def farm(self) -> AssembledFarm:
        """Return the farm's contracts, for calls behind the API's back."""
        return self.simulated.farm

    async def start(self) -> None:
        """Start what nobody has called yet."""
        await self.simulated.start()
        await rest()
        services = services_of(self.farm, self.simulated.store, self.simulated.clock)
        self.ear = Ear(build_app(services, OPTIONS), services.clock)

    async def end(self) -> None:
        """End what is open, then the farm."""
        self.ear.cut()
        await self.ear.until(lambda: not self.ear.streams)
        await self.simulated.crash()

    async def board(
        self, board: SimulatedBoard, state: WorkerState = WorkerState.IDLE
    ) -> SimulatedBoard:
        """Register a board and have it reach a state; one that is idle and wanted is lent."""
        await self.simulated.connect(board)
        if state is WorkerState.FAILED:
            board.manner = Manner.BADLY
        if state is not WorkerState.MAINTENANCE:
            await self.farm.workers.set_state(LOCAL_ADMIN, board.uuid, WorkerState.IDLE)
        await self.settled()
        return board

    async def settled(self) -> None:
        """Return once no board is being cleaned or prepared and nothing more can be lent."""
        while True:
            snapshot, subscription = await self.farm.feed.follow()
            try:
                if all(worker.state not in PASSING for worker in snapshot.workers):
                    await rest()
                    return
                await subscription.next()
            finally:
                subscription.close()


class Served:
    """The farm and who listens at its door; every call waits until the server's loop did it."""

    def __init__(self) -> None:
        self.address = ""
        self._bridge: Bridge
        self._lab: Lab

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._lab.ear(scope, receive, send)

    def stop(self) -> None:
        self._lab.ear.cut()

    async def begin(self) -> None:
        """Start a farm at the machine's time."""
        up = timedelta(seconds=asyncio.get_running_loop().time())
        self._lab = Lab(clock=VirtualClock(datetime.now(UTC) - up))
        await self._lab.start()

    async def end(self) -> None:
        await self._lab.end()

    def start_over(self) -> None:
        """Go on with a fresh farm."""

        async def swap() -> None:
            await self.end()
            await self.begin()

        self.do(swap())

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do some work on the server's loop and return its result."""

        async def soon() -> Result:
            async with asyncio.timeout(60):
                return await work

        return self._bridge.run(soon())

    @property
    def contracts(self) -> AssembledFarm:
        """Return the farm's contracts, for calls behind the API's back through ``do``."""
        return self._lab.farm

    @property
    def heard(self) -> list[Heard]:
        return self._lab.ear.heard

    @property
    def answers(self) -> Answers:
        return self._lab.ear.answers

    def put_behind(self, front: Callable[[ASGIApp], ASGIApp]) -> None:
        """Have calls to the farm go through another application first."""
        self._lab.ear.app = front(self._lab.ear.app)

    def lead_to(self, access: AccessInfo) -> None:
        """Send who is lent a simulated board to one that is there."""
        told = {"Addr": {"IP": access.ip, "Port": access.port, "Zone": ""}, "Key": access.key}
        rest = {"Username": access.username, "HostKey": access.host_key}
        self.answers["acquire_worker"] = [(200, told | rest)] * 9

    def count(self, method: str, path: str) -> int:
        """Count the calls to a path."""
        return sum(1 for call in self.heard if (call.method, call.path) == (method, path))

    def bodies(self, path: str) -> list[Json]:
        """Return what was sent to a path."""
        return [call.json for call in self.heard if call.path == path]

    def queries(self) -> list[str]:
        """Return with which query each stream of events was asked for."""
        return [call.query for call in self.heard if call.path == "events"]

    def wait_for(self, condition: Callable[[Ear], bool]) -> None:
        """Return once ``condition`` holds."""
        self.do(self._lab.ear.until(lambda: condition(self._lab.ear)))

    def cut(self) -> None:
        """End every open stream of events."""

        async def cut() -> None:
            self._lab.ear.cut()

        self.do(cut())

    def board(
        self,
        number: int,
        name: str,
        caps: Mapping[str, str] | None = None,
        state: WorkerState = WorkerState.IDLE,
        host_key: str | None = HOST_KEY,
        facts: dict[str, str] | None = None,
    ) -> str:
        """Register a board and have it reach a state; return its UUID."""
        board = SimulatedBoard(
            uuid_of(number), dict(caps or {}), name, host_key=host_key, facts=facts
        )
        return self.do(self._lab.board(board, state)).uuid

    def boards(self, many: Mapping[str, Mapping[str, str]], away: Collection[str] = ()) -> None:
        """Register boards by name, numbered from 1 on, all idle but those ``away``.

        All are waited for together: one by one takes time that grows with their square.
        """

        async def register() -> None:
            for number, (name, caps) in enumerate(many.items(), 1):
                board = SimulatedBoard(uuid_of(number), dict(caps), name, host_key=HOST_KEY)
                await self._lab.simulated.connect(board)
                if name not in away:
                    workers = self.contracts.workers
                    await workers.set_state(LOCAL_ADMIN, board.uuid, WorkerState.IDLE)
            await self._lab.settled()

        self.do(register())

    def manner(self, number: int, manner: Manner) -> None:
        """Have a board behave otherwise from now on."""
        self._lab.simulated.boards[uuid_of(number)].manner = manner

    def slow(self, number: int) -> None:
        """Have a board take for ever when it is to be flashed and booted."""
        self._lab.simulated.boards[uuid_of(number)].ready_after = float("inf")

    def fail(self, number: int, reason: str) -> None:
        """Have a board tell that it failed."""
        self.do(self.contracts.superviser.set_fail(uuid_of(number), reason))

    def settle(self) -> None:
        """Return once no board is being cleaned or prepared and nothing more can be lent."""
        self.do(self._lab.settled())

    def file(self, number: int, count: int = 1, owner: Caller = LOCAL_ADMIN) -> None:
        """File requests behind the API's back that only one board can serve, and only in a year."""
        later = datetime.now(UTC) + timedelta(days=365)
        new = NewRequest(caps={"UUID": uuid_of(number)}, priority=8, valid_after=later)
        for _ in range(count):
            self.do(self.contracts.requests.new_request(owner, new))

    def request(self, request_id: int) -> Request:
        """Return a request as it is kept."""
        return self.do(self.contracts.requests.get_request_info(LOCAL_ADMIN, request_id))

    def requests(self) -> dict[int, RequestState]:
        """Return the state of every request."""
        page = self.do(self.contracts.requests.list_requests(LOCAL_ADMIN))
        return {request.id: request.state for request in page.items}

    def workers(self) -> list[Worker]:
        """Return all workers by UUID, once none of them is being cleaned or prepared."""
        self.settle()
        page = self.do(self.contracts.workers.list_workers(LOCAL_ADMIN))
        return sorted(page.items, key=lambda worker: worker.uuid)

    def worker(self, number: int) -> Worker:
        """Return one of them."""
        (found,) = [worker for worker in self.workers() if worker.uuid == uuid_of(number)]
        return found


@contextlib.contextmanager
def serve() -> Iterator[Served]:
    """Serve a farm until the block ends."""

    @contextlib.asynccontextmanager
    async def serving() -> AsyncIterator[Served]:
        served = Served()
        await served.begin()
        try:
            async with served_on_a_port(served) as port:
                served.address = f"http://127.0.0.1:{port}"
                yield served
        finally:
            await served.end()

    with Bridge() as bridge, bridge.enter(serving()) as served:
        served._bridge = bridge
        yield served
