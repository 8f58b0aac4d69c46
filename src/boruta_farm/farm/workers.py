"""The contract Workers in process."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from boruta_farm.core import enrolment
from boruta_farm.core import workers as core
from boruta_farm.core.permissions import check_worker
from boruta_farm.core.plan import Plan
from boruta_farm.core.requests import check_caps
from boruta_farm.core.world import World
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.naming import CapabilityNames, checked
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import ForbiddenStateError, WorkerNotFoundError
from boruta_farm.model.listing import Page, Paginator, Sorter, WorkerFilter
from boruta_farm.model.permission import Permission
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker, WorkerChange, WorkerState
from boruta_farm.store.base import Store


class OrphanCounter(CapabilityNames, Protocol):
    """Knows what boards have, and counts the waiting requests that only one worker could serve."""

    def count_orphans(
        self,
        uuid: str,
        groups: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Count those that lose it by deregistration, or by getting ``groups`` or ``labels``."""
        ...


class FarmWorkers:
    """Show and change workers; ``worker`` is an exact UUID or name in every call."""

    def __init__(
        self, engine: Engine, store: Store, market: OrphanCounter, settings: FarmSettings
    ) -> None:
        self._engine = engine
        self._store = store
        self._market = market
        self._settings = settings

    async def list_workers(
        self,
        caller: Caller,
        where: WorkerFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Worker]:
        """Return one page of the workers that match."""
        caller.require(Permission.SEE_FARM)
        if where is not None:
            check_caps(where.caps or {}, self._settings)
        if where is not None and where.selector is not None:
            checked(where.selector, self._market, self._settings.max_selector_length)
        return await self._store.list_workers(
            where or WorkerFilter(), sorter or Sorter(item="uuid"), paginator or Paginator()
        )

    async def get_worker_info(self, caller: Caller, worker: str) -> Worker:
        """Return one worker."""
        caller.require(Permission.SEE_FARM)
        found = await self._store.get_worker(worker)
        if found is None:
            raise WorkerNotFoundError
        return found

    async def set_state(
        self,
        caller: Caller,
        worker: str,
        state: WorkerState,
        reason: str | None = None,
        after_job: bool = False,
    ) -> None:
        """Send a worker to IDLE or MAINTENANCE."""
        if state not in (WorkerState.IDLE, WorkerState.MAINTENANCE):
            raise ForbiddenStateError
        uuid = await self._managed(caller, worker)

        def decide(world: World, now: datetime) -> Plan[None]:
            _check(world, caller, uuid)
            return core.set_state(world, uuid, state, now, reason, after_job=after_job)

        await self._engine.decide(decide, caller)

    async def set_groups(self, caller: Caller, worker: str, groups: tuple[str, ...]) -> None:
        """Replace a worker's groups."""
        uuid = await self._managed(caller, worker)

        def decide(world: World, _now: datetime) -> Plan[None]:
            _check(world, caller, uuid, groups)
            return core.set_groups(world, uuid, groups)

        await self._engine.decide(decide, caller)

    async def set_name(self, caller: Caller, worker: str, name: str) -> None:
        """Give a worker another name."""
        uuid = await self._managed(caller, worker)

        def decide(world: World, _now: datetime) -> Plan[None]:
            _check(world, caller, uuid)
            return core.set_name(world, uuid, name)

        await self._engine.decide(decide, caller)

    async def describe(self, caller: Caller, worker: str, change: WorkerChange) -> None:
        """Set a worker's labels, notes or photo."""
        uuid = await self._managed(caller, worker)

        def decide(world: World, _now: datetime) -> Plan[None]:
            _check(world, caller, uuid)
            return core.describe(world, uuid, change)

        await self._engine.decide(decide, caller)

    async def revoke_agent(self, caller: Caller, worker: str) -> None:
        """Take the credential of a worker's agent away."""
        caller.require(Permission.MANAGE_AGENTS)
        uuid = (await self.get_worker_info(caller, worker)).uuid
        await self._engine.decide(lambda world, _now: enrolment.revoke(world, caller, uuid), caller)

    async def deregister(self, caller: Caller, worker: str) -> None:
        """Remove a worker that is out of service."""
        uuid = await self._managed(caller, worker)

        def decide(world: World, _now: datetime) -> Plan[None]:
            _check(world, caller, uuid)
            return core.deregister(world, uuid)

        await self._engine.decide(decide, caller)

    async def count_orphans(
        self,
        caller: Caller,
        worker: str,
        groups: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Count waiting requests that only this worker could serve."""
        uuid = (await self.get_worker_info(caller, worker)).uuid
        return self._market.count_orphans(uuid, groups, labels)

    async def _managed(self, caller: Caller, worker: str) -> str:
        """Return the UUID of a worker that the caller means to change."""
        caller.require(Permission.MANAGE_WORKERS)
        found = await self._store.get_worker(worker)
        if found is None:
            raise WorkerNotFoundError
        return found.uuid


def _check(world: World, caller: Caller, uuid: str, groups: tuple[str, ...] | None = None) -> None:
    found = world.worker(uuid)
    if found is not None:
        check_worker(caller, found, groups)
