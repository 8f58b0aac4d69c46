"""A client of the real farm in one process under virtual time, with a board that is lent to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm
from boruta_farm.client.transport import Transport
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest, Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import AccessInfo
from boruta_farm.testing.boards import SimulatedBoard
from tests.client.serving import Answers, Lab, uuid_of

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Pieces(httpx.AsyncByteStream):
    """An answer's body, piece by piece, until it ends or nobody wants more of it."""

    def __init__(self, sent: asyncio.Queue[Message], gone: asyncio.Event, call: Any) -> None:
        self._sent = sent
        self._gone = gone
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._sent.get()
            more = message.get("more_body", False)
            yield message.get("body", b"")

    async def aclose(self) -> None:
        self._gone.set()
        await self._call


class InProcess(httpx.AsyncBaseTransport):
    """Call an application without a socket; unlike httpx's own, answers may go on for ever."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        scope = {
            "type": "http",
            "scheme": "http",
            "method": request.method,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8487),
        }
        coming: list[Message] = [{"type": "http.request", "body": await request.aread()}]
        sent: asyncio.Queue[Message] = asyncio.Queue()
        gone = asyncio.Event()

        async def receive() -> Message:
            if coming:
                return coming.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        call = asyncio.ensure_future(self._app(scope, receive, sent.put))
        start = await sent.get()
        return httpx.Response(
            start["status"], headers=start["headers"], stream=Pieces(sent, gone, call)
        )


class Virtual:
    """The farm, its one board, and the client that holds it; ``began`` is the loop's time then."""

    def __init__(self, lab: Lab, farm: Farm, board: SimulatedBoard) -> None:
        self.lab = lab
        self.farm = farm
        self.board = board
        self.request: Request
        self.access: AccessInfo
        self.began = asyncio.get_running_loop().time()

    @property
    def answers(self) -> Answers:
        return self.lab.ear.answers

    def at(self, end: str) -> list[float]:
        """Return when the paths that end so were called, in seconds since the beginning."""
        return [
            round(call.at - self.began, 3)
            for call in self.lab.ear.heard
            if call.path.rstrip("/").endswith(end)
        ]


@asynccontextmanager
async def virtual(
    keep_alive: int | None = None,
    limit: timedelta = DAY,
    length: timedelta | None = None,
    idle_end: timedelta | None = None,
) -> AsyncIterator[Virtual]:
    """Lend a board for an hour, or ``length``; let a job last no longer than ``limit``."""
    lab = Lab(FarmSettings(job_limit=limit))
    await lab.start()
    transport = Transport(ClientConfig(server="http://farm"), InProcess(lab.ear))
    try:
        board = await lab.board(SimulatedBoard(uuid_of(1), {}, "lab"))
        new = NewRequest(
            caps={}, priority=8, keep_alive=keep_alive, length=length, idle_end=idle_end
        )
        requests = lab.farm.requests
        filed = await requests.new_request(LOCAL_ADMIN, new)
        scene = Virtual(lab, Farm(transport, lab.simulated.clock), board)
        scene.access = await requests.acquire_worker(LOCAL_ADMIN, filed.id, DAY)
        scene.request = await requests.get_request_info(LOCAL_ADMIN, filed.id)
        yield scene
    finally:
        await transport.aclose()
        await lab.end()
