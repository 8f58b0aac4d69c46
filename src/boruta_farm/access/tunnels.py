"""Keep the relay informed of every worker's port and of every live job."""

import asyncio
import logging
from datetime import timedelta
from typing import NoReturn

from boruta_farm.access.routes import BindFailure, Relay, Route
from boruta_farm.clock import Clock
from boruta_farm.contracts import Reports
from boruta_farm.feed import Feed, Snapshot, keep_following
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.events import Change, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(seconds=30)


class Tunnels:
    """Follow the feed: one route per worker, live while its job is LIVE.

    A route's end is the job's timeout plus the settings' slack, because the board's agent ends
    the session first. A port that cannot be bound is reported, and the worker gets another.
    """

    def __init__(
        self, feed: Feed, relay: Relay, reports: Reports, clock: Clock, settings: FarmSettings
    ) -> None:
        self._feed = feed
        self._relay = relay
        self._reports = reports
        self._clock = clock
        self._settings = settings
        self._workers: dict[str, Worker] = {}
        self._jobs: dict[str, Job] = {}
        self._held: dict[int, str] = {}
        self._routes: dict[str, Route] = {}
        self._following = False
        self._unbound: dict[str, int] = {}
        self._moved = asyncio.Event()

    async def run(self) -> NoReturn:
        """Keep the relay informed until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._relay.run())
            group.create_task(self._report_failures(group))
            await keep_following(self._feed, self)
        raise AssertionError("following ends only by cancellation")

    def alive(self) -> str | None:
        """Return None while the relay is at hand and knows the farm, else what is wrong."""
        if not self._following:
            return "the tunnels do not know the farm yet"
        return self._relay.alive()

    async def ready(self, worker: str) -> None:
        """Return once the relay has bound the worker's port (the contract ``Doors``)."""
        while True:
            route = self._routes.get(worker)
            if route is not None:
                await self._relay.settle()
                failed = self._relay.failing(worker) or self._unbound.get(worker) == route.port
                now = self._routes.get(worker)
                if not failed and now is not None and now.port == route.port:
                    return
            self._moved.clear()
            await self._moved.wait()

    def connections(self, worker: str) -> int:
        """Return how many connections a worker's tunnel has, as last heard."""
        return self._relay.connections(worker)

    def begin(self, snapshot: Snapshot) -> None:
        """Start over from a snapshot: tell the relay the full set."""
        self._workers = {worker.uuid: worker for worker in snapshot.workers}
        self._jobs.clear()
        self._held.clear()
        for request in snapshot.requests:
            self._fold_request(request)
        self._routes = {uuid: self._route(worker) for uuid, worker in self._workers.items()}
        self._relay.replace(self._routes.values())
        self._unbound.clear()
        self._following = True
        self._moved.set()

    def fold(self, changes: tuple[Change, ...]) -> None:
        """Take the changes that follow: tell the relay what they change for it."""
        touched: dict[str, None] = {}
        for change in changes:
            if change.worker is not None:
                self._fold_worker(change.worker, change.event.kind)
                touched[change.worker.uuid] = None
            if change.request is not None:
                touched.update(dict.fromkeys(self._fold_request(change.request)))
        for uuid in touched:
            self._tell(uuid)

    def _fold_worker(self, worker: Worker, kind: EventKind) -> None:
        if kind is EventKind.WORKER_DEREGISTERED:
            self._workers.pop(worker.uuid, None)
        else:
            self._workers[worker.uuid] = worker

    def _fold_request(self, request: Request) -> tuple[str, ...]:
        """Note the request's job and return the workers that it concerns."""
        job = request.job
        live = job if job is not None and job.phase is JobPhase.LIVE else None
        before = self._held.pop(request.id, None)
        touched = []
        if before is not None:
            touched.append(before)
            job_there = self._jobs.get(before)
            if job_there is not None and job_there.request_id == request.id:
                del self._jobs[before]
        if live is not None:
            touched.append(live.worker)
            self._held[request.id] = live.worker
            self._jobs[live.worker] = live
        return tuple(touched)

    def _tell(self, uuid: str) -> None:
        worker = self._workers.get(uuid)
        if worker is None:
            if self._routes.pop(uuid, None) is not None:
                self._relay.drop(uuid)
            return
        route = self._route(worker)
        if self._routes.get(uuid) != route:
            self._put(route)

    def _put(self, route: Route) -> None:
        self._routes[route.worker] = route
        self._relay.put(route)
        if self._unbound.get(route.worker) != route.port:
            self._unbound.pop(route.worker, None)
        self._moved.set()

    def _route(self, worker: Worker) -> Route:
        host, target = split_address(worker.ssh_address)
        job = self._jobs.get(worker.uuid)
        if job is None:
            return Route(
                worker=worker.uuid,
                port=worker.port,
                host=host,
                target=target,
                reach=worker.reach,
            )
        length = job.timeout - job.granted
        end = job.timeout + self._settings.slack + length * self._settings.slack_ratio
        return Route(
            worker=worker.uuid,
            port=worker.port,
            host=host,
            target=target,
            epoch=job.epoch,
            cut=end,
            reach=worker.reach,
        )

    async def _report_failures(self, group: asyncio.TaskGroup) -> NoReturn:
        while True:
            failure = await self._relay.failure()
            self._unbound[failure.worker] = failure.port
            logger.warning(
                "worker %s: port %d cannot be bound: %s",
                failure.worker,
                failure.port,
                failure.reason,
            )
            try:
                await self._reports.port_taken(failure.worker, failure.port)
            except BorutaError as error:
                logger.error("worker %s keeps port %d: %s", failure.worker, failure.port, error)
                group.create_task(self._retry(failure))

    async def _retry(self, failure: BindFailure) -> None:
        """Ask the relay again for a port that could not be exchanged for another."""
        await asyncio.sleep(RETRY_AFTER.total_seconds())
        route = self._routes.get(failure.worker)
        if route is not None and route.port == failure.port:
            self._unbound.pop(failure.worker, None)
            self._put(route)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port`` (``[host]:port`` for IPv6); port 0 leads nowhere."""
    host, _, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        return address, 0
    return host.removeprefix("[").removesuffix("]"), int(port)
