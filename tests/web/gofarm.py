"""The real farm whose boards are played over Go RPC: registered, prepared, set aside that way."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable
from types import TracebackType
from typing import Self

from tests.web.serving import World

from boruta_farm.access.keymaker import make_key
from boruta_farm.boards.runner import Runner
from boruta_farm.boards.unfenced import Unfenced
from boruta_farm.contracts import Prepared
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.reports import FarmReports
from boruta_farm.gorpc.client import call_once
from boruta_farm.gorpc.dryad import GoDialler
from boruta_farm.gorpc.routes import RpcPeer, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import (
    PREPARE,
    PUT_IN_MAINTENANCE,
    REGISTER,
    PrepareRequest,
    PutInMaintenanceRequest,
    RegisterRequest,
)
from boruta_farm.gorpc.superviser import GoSuperviser
from boruta_farm.model.worker import Fence, KeyPair, WorkerState
from boruta_farm.testing.simulation import OpenDoors, PlainCipher
from boruta_farm.web.services import WebOptions

WITHIN = 60.0
PASSING = (WorkerState.PREPARE, WorkerState.BUSY)


class Told(FarmReports):
    """Reports that also tell the test that something has moved on."""

    moved: asyncio.Event

    async def prepared(self, uuid: str, epoch: int, key: KeyPair, prepared: Prepared) -> None:
        await self._then(super().prepared(uuid, epoch, key, prepared))

    async def cleaned(self, uuid: str, epoch: int) -> None:
        await self._then(super().cleaned(uuid, epoch))

    async def failed(self, uuid: str, epoch: int, reason: str) -> None:
        await self._then(super().failed(uuid, epoch, reason))

    async def _then(self, report: Awaitable[None]) -> None:
        await report
        self.moved.set()


class Keys:
    """Make each key as it is wanted."""

    async def take(self) -> KeyPair:
        """Return a fresh key."""
        return await asyncio.to_thread(make_key)

    def at_hand(self) -> None:
        """Have none ahead."""

    def give_back(self, key: KeyPair) -> None:
        """Drop it."""


class GoWorld(World):
    """Its boards answer a call only when the exchange at hand wants them to be done."""

    def __init__(self, options: WebOptions | None = None) -> None:
        super().__init__(options)
        self._told = Told(Engine(self.store), PlainCipher(), self.farm.consoles, self.farm.matcher)
        self._told.moved = asyncio.Event()
        self._answering = asyncio.Event()
        self._superviser = GoSuperviser(self.farm.superviser, self.farm.workers, self._told)
        self._boards = RpcServer(
            [route(PREPARE, self._prepare), route(PUT_IN_MAINTENANCE, self._put_in_maintenance)]
        )
        fleet = self.farm.fleet
        unfenced = Unfenced(fleet, self._told, Keys(), OpenDoors(), GoDialler())
        self._runner = Runner(fleet, self._told, {Fence.NONE: unfenced})
        self.keys: list[PrepareRequest] = []
        self.messages: list[str] = []

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        bound = socket.create_server(("127.0.0.1", 0))
        self._rpc = bound.getsockname()
        await self._superviser.listen(bound)
        self._port = await self._boards.listen_tcp("127.0.0.1", 0)
        parts = [self.farm.fleet.follow(), self._runner.attend()]
        self._serving = asyncio.gather(*parts)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._serving
        await self._boards.close()
        await self._superviser.close()
        await super().__aexit__(kind, error, trace)

    async def register(self, uuid: str, name: str, caps: dict[str, str]) -> None:
        """Register over Go RPC, which knows no names."""
        request = RegisterRequest(
            capabilities={"UUID": uuid, **caps},
            dryad_address=f":{self._port}",
            ssh_address=":22",
        )
        await call_once(self._rpc, REGISTER, request)

    async def settle(self) -> None:
        """Let the boards answer until none is between two states, then grant."""
        self._answering.set()
        async with asyncio.timeout(WITHIN):
            while any(w.state in PASSING for w in (await self.store.snapshot()).workers):
                await self._told.moved.wait()
                self._told.moved.clear()
        self._answering.clear()
        await self.rest()

    async def _prepare(self, request: PrepareRequest, _peer: RpcPeer) -> Empty:
        await self._answering.wait()
        assert request.key is not None
        self.keys.append(request)
        return Empty()

    async def _put_in_maintenance(self, request: PutInMaintenanceRequest, _peer: RpcPeer) -> Empty:
        await self._answering.wait()
        self.messages.append(request.message)
        return Empty()
