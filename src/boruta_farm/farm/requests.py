"""The contract Requests in process."""

from datetime import datetime, timedelta
from typing import Protocol

from boruta_farm.contracts import Cipher, Explanation
from boruta_farm.core import jobs
from boruta_farm.core import requests as core
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.prolonging import Prolonging
from boruta_farm.farm.reports import key_context
from boruta_farm.farm.waiting import Waiting
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    AgentUnreachableError,
    ProlongLimitError,
    RequestNotFoundError,
    WorkerNotAssignedError,
)
from boruta_farm.model.job import Job
from boruta_farm.model.listing import Page, Paginator, RequestFilter, Sorter
from boruta_farm.model.request import NewRequest, Request, RequestState, RequestUpdate
from boruta_farm.model.worker import AccessInfo
from boruta_farm.store.base import Store

LONGEST_WAIT = timedelta(seconds=300)


class Explainer(Protocol):
    """Knows the queue."""

    def explain(self, request: Request) -> Explanation:
        """Tell where the request stands."""
        ...


class FarmRequests:
    """File, change, show and end requests, and hand out access to their boards."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        waiting: Waiting,
        prolonging: Prolonging,
        cipher: Cipher,
        explainer: Explainer,
    ) -> None:
        self._engine = engine
        self._store = store
        self._waiting = waiting
        self._prolonging = prolonging
        self._cipher = cipher
        self._explainer = explainer

    async def new_request(self, caller: Caller, new: NewRequest) -> int:
        """File a request and return its id."""
        return await self._engine.run(lambda world, now: core.create(world, caller, new, now))

    async def close_request(self, caller: Caller, request_id: int) -> None:
        """Cancel a waiting request or finish a running one."""
        await self._engine.run(lambda world, now: core.close(world, request_id, now))

    async def update_request(self, caller: Caller, request_id: int, update: RequestUpdate) -> None:
        """Change a waiting request."""
        await self._engine.run(lambda world, now: core.update(world, request_id, update, now))

    async def get_request_info(self, caller: Caller, request_id: int) -> Request:
        """Return one request."""
        request = await self._store.get_request(request_id)
        if request is None:
            raise RequestNotFoundError
        return request

    async def list_requests(
        self,
        caller: Caller,
        where: RequestFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Request]:
        """Return one page of the requests that match."""
        return await self._store.list_requests(
            where or RequestFilter(), sorter or Sorter(), paginator or Paginator()
        )

    async def acquire_worker(
        self, caller: Caller, request_id: int, wait: timedelta | None = None
    ) -> AccessInfo:
        """Return how to reach the board, after waiting for it when asked to."""
        request = await self.get_request_info(caller, request_id)
        if wait is not None:
            limit = min(wait, LONGEST_WAIT)
            request = await self._waiting.until_decided(request_id, limit) or request
        job = request.live_job
        if request.state is not RequestState.IN_PROGRESS or job is None:
            raise WorkerNotAssignedError
        if wait is not None and not job.waited:
            await self._prolong_once(request_id)
        return await self._access(job)

    async def prolong_access(self, caller: Caller, request_id: int) -> datetime:
        """Set the job's end to now plus the job timeout, confirmed by the agent."""
        return await self._prolonging.prolong(request_id)

    async def keep_alive(self, caller: Caller, request_id: int) -> None:
        """Renew a request's KeepAlive."""
        await self._engine.run(lambda world, now: jobs.keep_alive(world, request_id, now))

    async def explain(self, caller: Caller, request_id: int) -> Explanation:
        """Tell where a request stands in the queue."""
        return self._explainer.explain(await self.get_request_info(caller, request_id))

    async def _prolong_once(self, request_id: int) -> None:
        """Prolong as the original's blocking acquire did; access matters more than the hour."""
        try:
            await self._prolonging.prolong(request_id, waited=True)
        except (AgentUnreachableError, ProlongLimitError):
            return

    async def _access(self, job: Job) -> AccessInfo:
        worker = await self._store.get_worker(job.worker)
        key = await self._store.get_session_key(job.worker, job.epoch)
        if worker is None or key is None:
            raise WorkerNotAssignedError
        private = ""
        if key.sealed is not None:
            private = self._cipher.open(key.sealed, key_context(job.worker, job.epoch)).decode()
        return AccessInfo(
            ip="",
            port=worker.port,
            key=private,
            username=worker.username,
            host_key=worker.host_key,
        )
