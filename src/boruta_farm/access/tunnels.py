"""Keep the relay informed of every worker's port and of every live job."""

import asyncio
import logging
from collections.abc import Collection
from datetime import timedelta
from typing import NoReturn

from boruta_farm.access.routes import BindFailure, Relay, TunnelRoute
from boruta_farm.contracts import Reports
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.job import JobPhase
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(seconds=30)


class Tunnels:
    """Keep one route per worker, live while its job is LIVE.

    A route's end is the job's timeout plus the settings' slack, because the board's agent ends
    the session first. A port that cannot be bound is reported, and the worker gets another.
    """

    def __init__(
        self, fleet: Fleet, relay: Relay, reports: Reports, settings: FarmSettings
    ) -> None:
        self._fleet = fleet
        self._relay = relay
        self._reports = reports
        self._settings = settings
        self._generation = 0
        """Of the fleet, when the relay was last told the full set."""
        self._routes: dict[str, TunnelRoute] = {}
        self._unbound: dict[str, int] = {}
        self._visits: dict[str, int] = {}
        """What the relay had told of visits when each worker's present epoch began."""
        self._moved = asyncio.Event()

    async def follow(self) -> NoReturn:
        """Keep the relay informed until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._relay.keep_at_hand())
            group.create_task(self._report_failures(group))
            self._generation = 0
            await self._fleet.tell(self.touched)
        raise AssertionError("following ends only by cancellation")

    def alive(self) -> str | None:
        """Return None while the relay is at hand and knows the farm, else what is wrong."""
        if not self._generation:
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

    def used(self, worker: str) -> bool:
        """Tell whether anybody has come to a worker's tunnel in its present job (``Doors``)."""
        if self._relay.connections(worker):
            return True
        return self._relay.visits(worker) != self._visits.get(worker, 0)

    def signed_in(self, worker: str, ports: tuple[int, ...]) -> None:
        """Tell the relay which connections of a live job have a session, as its agent says."""
        route = self._routes.get(worker)
        if route is not None and route.epoch is not None:
            self._relay.signed_in(worker, route.epoch, ports)

    def connections(self, worker: str) -> int:
        """Return how many connections a worker's tunnel has, as last heard."""
        return self._relay.connections(worker)

    def touched(self, uuids: Collection[str]) -> None:
        """Tell the relay what changes for it: all, when the fleet has started over."""
        if self._generation == self._fleet.generation:
            for uuid in uuids:
                self._tell(uuid)
            return
        self._generation = self._fleet.generation
        workers = self._fleet.workers
        self._routes = {uuid: self._route(worker) for uuid, worker in workers.items()}
        self._relay.replace(self._routes.values())
        self._unbound.clear()
        self._moved.set()

    def _tell(self, uuid: str) -> None:
        worker = self._fleet.workers.get(uuid)
        if worker is None:
            self._visits.pop(uuid, None)
            if self._routes.pop(uuid, None) is not None:
                self._relay.drop(uuid)
            return
        route = self._route(worker)
        if self._routes.get(uuid) != route:
            self._put(route)

    def _put(self, route: TunnelRoute) -> None:
        before = self._routes.get(route.worker)
        if before is None or before.epoch != route.epoch:
            self._visits[route.worker] = self._relay.visits(route.worker)
        self._routes[route.worker] = route
        self._relay.put(route)
        if self._unbound.get(route.worker) != route.port:
            self._unbound.pop(route.worker, None)
        self._moved.set()

    def _route(self, worker: Worker) -> TunnelRoute:
        host, target = split_address(worker.ssh_address)
        job = self._fleet.job(worker)
        epoch = cut = None
        if job is not None and job.phase is JobPhase.LIVE:
            epoch = job.epoch
            length = job.timeout - job.granted
            cut = job.timeout + self._settings.slack + length * self._settings.slack_ratio
        return TunnelRoute(
            worker=worker.uuid,
            port=worker.port,
            host=host,
            target=target,
            epoch=epoch,
            cut=cut,
            reach=worker.reach,
            site=worker.site,
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
