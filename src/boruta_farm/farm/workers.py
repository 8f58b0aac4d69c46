"""The contract Workers in process."""

from typing import Protocol

from boruta_farm.core import enrolment
from boruta_farm.core import workers as core
from boruta_farm.farm.engine import Engine
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import ForbiddenStateError, WorkerNotFoundError
from boruta_farm.model.listing import Page, Paginator, Sorter, WorkerFilter
from boruta_farm.model.permission import Permission
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.store.base import Store


class OrphanCount(Protocol):
    """Counts the waiting requests that only one worker could serve."""

    def count_orphans(self, uuid: str, groups: tuple[str, ...] | None = None) -> int:
        """Count those that lose it by deregistration, or by moving to ``groups``."""
        ...


class FarmWorkers:
    """Show and change workers; ``worker`` is an exact UUID or name in every call."""

    def __init__(self, engine: Engine, store: Store, orphans: OrphanCount) -> None:
        self._engine = engine
        self._store = store
        self._orphans = orphans

    async def list_workers(
        self,
        caller: Caller,
        where: WorkerFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Worker]:
        """Return one page of the workers that match."""
        return await self._store.list_workers(
            where or WorkerFilter(), sorter or Sorter(item="uuid"), paginator or Paginator()
        )

    async def get_worker_info(self, caller: Caller, worker: str) -> Worker:
        """Return one worker."""
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
        uuid = (await self.get_worker_info(caller, worker)).uuid
        await self._engine.run(
            lambda world, now: core.set_state(world, uuid, state, now, reason, after_job=after_job)
        )

    async def set_groups(self, caller: Caller, worker: str, groups: tuple[str, ...]) -> None:
        """Replace a worker's groups."""
        uuid = (await self.get_worker_info(caller, worker)).uuid
        await self._engine.run(lambda world, _now: core.set_groups(world, uuid, groups))

    async def set_name(self, caller: Caller, worker: str, name: str) -> None:
        """Give a worker another name."""
        uuid = (await self.get_worker_info(caller, worker)).uuid
        await self._engine.run(lambda world, _now: core.set_name(world, uuid, name), caller)

    async def revoke_agent(self, caller: Caller, worker: str) -> None:
        """Take the credential of a worker's agent away."""
        caller.require(Permission.MANAGE_AGENTS)
        uuid = (await self.get_worker_info(caller, worker)).uuid
        await self._engine.run(lambda world, _now: enrolment.revoke(world, caller, uuid), caller)

    async def deregister(self, caller: Caller, worker: str) -> None:
        """Remove a worker that is out of service."""
        uuid = (await self.get_worker_info(caller, worker)).uuid
        await self._engine.run(lambda world, _now: core.deregister(world, uuid))

    async def count_orphans(
        self, caller: Caller, worker: str, groups: tuple[str, ...] | None = None
    ) -> int:
        """Count waiting requests that only this worker could serve."""
        uuid = (await self.get_worker_info(caller, worker)).uuid
        return self._orphans.count_orphans(uuid, groups)
