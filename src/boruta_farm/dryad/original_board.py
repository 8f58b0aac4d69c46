"""The three calls of an original server, carried out by the fence."""

import asyncio
from collections.abc import Sequence

from boruta_farm.dryad.fence import BoardFence
from boruta_farm.dryad.state import OPEN
from boruta_farm.gorpc.keys import format_authorized_key
from boruta_farm.gorpc.routes import RpcPeer, RpcRoute, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.services import (
    HEALTHCHECK,
    PREPARE,
    PUT_IN_MAINTENANCE,
    PrepareRequest,
    PutInMaintenanceRequest,
)
from boruta_farm.model.errors import BoardError


class OriginalBoard:
    """Answer ``Dryad.Prepare``, ``Dryad.PutInMaintenance`` and ``Dryad.Healthcheck``.

    Such a server knows neither epochs nor ends: every call that changes the board begins an epoch
    of the agent's own, so that nothing of the session before is left, as under our server.
    """

    def __init__(self, fence: BoardFence) -> None:
        self._fence = fence
        self._turn = asyncio.Lock()

    @property
    def routes(self) -> Sequence[RpcRoute]:
        """Return what an RPC server answers with."""
        return (
            route(PREPARE, self._prepare),
            route(PUT_IN_MAINTENANCE, self._put_in_maintenance),
            route(HEALTHCHECK, self._healthcheck),
        )

    @property
    def vacancy(self) -> str | None:
        """Return why nobody can log in and nothing is being done about it, None otherwise."""
        state = self._fence.state
        if self._turn.locked() or state.phase in OPEN:
            return None
        return state.trouble or "the agent has no session open: the board must be prepared"

    async def _prepare(self, request: PrepareRequest, _peer: RpcPeer) -> Empty:
        # Before anything is touched: the original's agent removes the user first.
        if request.key is None:
            raise BoardError("empty public key")
        key = format_authorized_key(request.key).rstrip()
        async with self._turn:
            epoch = await self._clean()
            await self._fence.prepare(key, epoch=epoch)
        return Empty()

    async def _put_in_maintenance(self, request: PutInMaintenanceRequest, _peer: RpcPeer) -> Empty:
        async with self._turn:
            await self._clean()
            await self._fence.put_in_maintenance(request.message)
        return Empty()

    async def _healthcheck(self, _request: Empty, _peer: RpcPeer) -> Empty:
        """Test the board without disturbing it; the original's agent cuts the power instead."""
        await self._fence.healthcheck()
        return Empty()

    async def _clean(self) -> int:
        epoch = self._fence.state.epoch + 1
        await self._fence.clean(epoch)
        return epoch
