"""A whole farm under virtual time, seen through one implementation of Requests and Workers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm as Client
from boruta_farm.client.transport import Transport
from boruta_farm.contracts import Requests, Workers
from boruta_farm.link.server import Hub
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.boards import SimulatedBoard
from boruta_farm.testing.simulation import SimulatedFarm
from boruta_farm.web.app import build_app
from boruta_farm.web.services import WebOptions
from tests.web.serving import services_of

SETTINGS = FarmSettings(job_timeout=timedelta(hours=1), job_limit=timedelta(hours=2))
UUID = "00000000-0000-4000-8000-{:012}"
ADDRESS = "192.0.2.1"
CALLER = LOCAL_ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Carry the contracts under test and the farm behind them."""

    requests: Requests
    workers: Workers
    farm: SimulatedFarm

    def now(self) -> datetime:
        """Return the farm's time."""
        return self.farm.clock.now()

    async def board(
        self, number: int, caps: dict[str, str] | None = None, *, idle: bool = True
    ) -> SimulatedBoard:
        """Register a board named ``board-NUMBER`` and, unless told not to, make it IDLE."""
        uuid = UUID.format(number)
        board = SimulatedBoard(uuid=uuid, caps=caps or {}, name=f"board-{number}")
        await self.farm.connect(board)
        if idle:
            await self.workers.set_state(CALLER, uuid, WorkerState.IDLE)
        await self.farm.settle()
        return board

    async def filed(
        self, caps: dict[str, str] | None = None, priority: int = 8, keep_alive: int | None = None
    ) -> int:
        """File a request and let the farm act on it."""
        new = NewRequest(caps=caps or {}, priority=priority, keep_alive=keep_alive)
        request_id = (await self.requests.new_request(CALLER, new)).id
        await self.farm.settle()
        return request_id

    async def state(self, request_id: int) -> str:
        """Return the state of a request."""
        return (await self.requests.get_request_info(CALLER, request_id)).state.value

    async def worker_state(self, number: int) -> str:
        """Return the state of a board's worker."""
        return (await self.workers.get_worker_info(CALLER, UUID.format(number))).state.value


Opening = Callable[[Path], AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[SimulatedFarm]:
    farm = SimulatedFarm(folder / "farm.sqlite", SETTINGS)
    await farm.start()
    try:
        yield farm
    finally:
        await farm.crash()


@asynccontextmanager
async def in_process(folder: Path) -> AsyncIterator[Stage]:
    """Call the farm directly."""
    async with running(folder) as farm:
        yield Stage(requests=farm.farm.requests, workers=farm.farm.workers, farm=farm)


@asynccontextmanager
async def over_http(folder: Path) -> AsyncIterator[Stage]:
    """Call the farm through the client, HTTP and the web application."""
    async with running(folder) as farm:
        services = services_of(farm.farm, farm.store, farm.clock, hub=Hub(farm.clock))
        app = build_app(services, WebOptions(public_address=ADDRESS))
        config = ClientConfig(server="http://farm")
        transport = Transport(config, httpx.ASGITransport(app=app))
        client = Client(transport, farm.clock)
        try:
            yield Stage(requests=client.requests, workers=client.workers, farm=farm)
        finally:
            await transport.aclose()


OPENINGS: dict[str, Opening] = {"in process": in_process, "over HTTP": over_http}
"""Every implementation of the contracts; the suite runs over each."""
