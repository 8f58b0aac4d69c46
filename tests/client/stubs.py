"""A farm of one running request, without any server, for tests in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from boruta_farm.client.channel import NO_TEXTS, Answer
from boruta_farm.client.farm import Farm
from boruta_farm.client.requests import HttpRequests
from boruta_farm.client.workers import HttpWorkers
from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import Filed
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import MoreTime, NewRequest, Request, RequestState
from boruta_farm.model.worker import AccessInfo, Fence, Worker, WorkerState

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACCESS = AccessInfo(ip="10.0.0.1", port=20001, key="K", username="boruta-user", host_key=None)

WORKER = Worker(
    uuid="u",
    name="lab",
    state=WorkerState.RUNNING,
    since=START,
    caps={},
    groups=(),
    epoch=1,
    fence=Fence.AGENT,
    dryad_address="",
    ssh_address="",
    port=20001,
    registered=START,
)


def running_request(keep_alive: int | None = None) -> Request:
    """Return a request whose job lasts an hour from the virtual clock's start."""
    job = Job(
        request_id=7,
        worker="u",
        epoch=1,
        phase=JobPhase.LIVE,
        granted=START,
        timeout=START + HOUR,
        limit=START + 24 * HOUR,
    )
    return Request(
        id=7,
        owner="",
        owner_groups=None,
        priority=8,
        valid_after=START,
        deadline=START + 24 * HOUR,
        state=RequestState.IN_PROGRESS,
        caps={},
        created=START,
        keep_alive=keep_alive,
        job=job,
    )


class StubChannel:
    """Answer nothing but a stream of events on which nothing comes until ``poke``."""

    def __init__(self) -> None:
        self.host = "lab"
        self.offset = timedelta()
        self.poked = asyncio.Event()
        self.kind = "request.finished"
        self.no_events: BorutaError | None = None

    async def get(self, path: str, query: Mapping[str, str] = NO_TEXTS) -> NoReturn:
        raise AssertionError(path)

    async def post(
        self,
        path: str,
        body: object = None,
        headers: Mapping[str, str] = NO_TEXTS,
        patience: float = 0.0,
    ) -> Answer:
        raise AssertionError(path)

    @asynccontextmanager
    async def lines(
        self, path: str, query: Mapping[str, str] = NO_TEXTS, headers: Mapping[str, str] = NO_TEXTS
    ) -> AsyncIterator[AsyncIterator[str]]:
        if self.no_events is not None:
            raise self.no_events
        yield self._events()

    async def _events(self) -> AsyncIterator[str]:
        yield ": listening"
        while True:
            await self.poked.wait()
            self.poked.clear()
            at = '"At":"2026-01-01T00:00:00Z"'
            yield f'data: {{"Number":1,{at},"Kind":"{self.kind}"}}'
            yield ""


class StubRequests(HttpRequests):
    """Record when the one request is prolonged, renewed, filed and closed.

    ``failures`` are raised by the next calls of a name, None lets one succeed.
    """

    def __init__(self, channel: StubChannel, request: Request, limit: timedelta) -> None:
        super().__init__(channel)
        self.request = request
        self.limit = START + limit
        self.calls: list[tuple[str, float]] = []
        self.failures: dict[str, list[BorutaError | None]] = {}
        self.filed: list[NewRequest] = []

    def at(self, name: str) -> list[float]:
        """Return when a call was made, in seconds of virtual time."""
        return [round(when, 3) for called, when in self.calls if called == name]

    async def new_request(self, caller: Caller, new: NewRequest) -> Filed:
        self.filed.append(new)
        await self._call("new_request")
        return Filed(id=self.request.id)

    async def close_request(self, caller: Caller, request_id: int) -> None:
        await self._call("close_request")

    async def get_request_info(self, caller: Caller, request_id: int) -> Request:
        await self._call("get_request_info")
        return self.request

    async def prolong_access(
        self, caller: Caller, request_id: int, more: MoreTime | None = None
    ) -> datetime:
        await self._call("prolong_access")
        now = START + timedelta(seconds=asyncio.get_running_loop().time())
        assert self.request.job is not None
        end = min(now + HOUR, self.limit)
        self.request = replace(self.request, job=replace(self.request.job, timeout=end))
        return end

    async def keep_alive(self, caller: Caller, request_id: int) -> None:
        await self._call("keep_alive")

    async def _call(self, name: str) -> None:
        self.calls.append((name, asyncio.get_running_loop().time()))
        waiting = self.failures.get(name)
        failure = waiting.pop(0) if waiting else None
        if failure is not None:
            raise failure


class StubWorkers(HttpWorkers):
    """Show the one worker; ``lost`` is since when its agent is out of reach."""

    def __init__(self, channel: StubChannel) -> None:
        super().__init__(channel)
        self.lost: datetime | None = None

    async def get_worker_info(self, caller: Caller, worker: str) -> Worker:
        return replace(WORKER, unreachable_since=self.lost)


class StubFarm(Farm):
    """Bundle the stubs on the virtual clock."""

    def __init__(self, *, keep_alive: int | None = None, limit: timedelta = 24 * HOUR) -> None:
        self.channel = StubChannel()
        super().__init__(self.channel, VirtualClock(START))
        self.stub = StubRequests(self.channel, running_request(keep_alive), limit)
        self.requests = self.stub
        self.workers = self.bench = StubWorkers(self.channel)


AWAY = UnavailableError("away")
