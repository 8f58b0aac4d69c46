"""Tunnels over a relay and reports that only take notes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import NoReturn, cast

from boruta_farm.access.routes import BindFailure, TunnelRoute
from boruta_farm.access.tunnels import Tunnels
from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import Reports
from boruta_farm.feed import Feed, Snapshot
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import PortsExhaustedError
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.boards import SimulatedBoards

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTINGS = FarmSettings()
WITHIN = 60.0


class FakeRelay:
    """Hold what is wanted, inline."""

    def __init__(self) -> None:
        self.routes: dict[str, TunnelRoute] = {}
        self.calls: list[str] = []
        self.failures: asyncio.Queue[BindFailure] = asyncio.Queue()
        self.failing_workers: set[str] = set()
        self.visited: Counter[str] = Counter()
        self.connected: Counter[str] = Counter()
        self.running = False
        self._news = asyncio.Event()

    async def keep_at_hand(self) -> NoReturn:
        self.running = True
        await asyncio.Event().wait()
        raise AssertionError

    def replace(self, routes: Iterable[TunnelRoute]) -> None:
        self.routes = {route.worker: route for route in routes}
        self._note("replace")

    def put(self, route: TunnelRoute) -> None:
        self.routes[route.worker] = route
        self._note(f"put {route.worker}")

    def drop(self, worker: str) -> None:
        del self.routes[worker]
        self._note(f"drop {worker}")

    async def settle(self) -> None:
        self._note("settle")

    def failing(self, worker: str) -> bool:
        return worker in self.failing_workers

    def fail(self, worker: str, port: int) -> None:
        """Tell that a port cannot be bound."""
        self.failing_workers.add(worker)
        self.failures.put_nowait(BindFailure(worker=worker, port=port, reason="in use"))

    async def failure(self) -> BindFailure:
        failure = await self.failures.get()
        self.failing_workers.discard(failure.worker)
        return failure

    def visits(self, worker: str) -> int:
        return self.visited[worker]

    def signed_in(self, worker: str, epoch: int, ports: tuple[int, ...]) -> None:
        self._note(f"signed_in {worker} {epoch} {ports}")

    def connections(self, worker: str) -> int:
        return self.connected[worker]

    def alive(self) -> str | None:
        return None if self.running else "not running"

    async def until(self, call: str) -> None:
        """Return when a call was made, the next one of its kind after the last waited for."""
        async with asyncio.timeout(WITHIN):
            while call not in self.calls:
                self._news.clear()
                await self._news.wait()
        self.calls.remove(call)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self._news.set()


class FakeReports:
    """Take reports of ports; refuse as often as told."""

    def __init__(self, refusals: int = 0) -> None:
        self.taken: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self._refusals = refusals

    async def port_taken(self, uuid: str, port: int) -> None:
        self.taken.put_nowait((uuid, port))
        if self._refusals:
            self._refusals -= 1
            raise PortsExhaustedError


def make_worker(uuid: str = "w1", *, epoch: int = 1, port: int = 20000) -> Worker:
    return Worker(
        uuid=uuid,
        name=uuid,
        state=WorkerState.IDLE,
        since=START,
        caps={"UUID": uuid},
        groups=(),
        epoch=epoch,
        fence=Fence.AGENT,
        dryad_address="192.0.2.1:7175",
        ssh_address="192.0.2.1:22",
        port=port,
        registered=START,
    )


def make_request(number: int = 1, job: Job | None = None) -> Request:
    return Request(
        id=number,
        owner="admin",
        owner_groups=None,
        priority=8,
        valid_after=START,
        deadline=START + 24 * HOUR,
        state=RequestState.WAITING if job is None else RequestState.IN_PROGRESS,
        caps={},
        created=START,
        job=job,
    )


def make_job(number: int = 1, worker: str = "w1", epoch: int = 1) -> Job:
    return Job(
        request_id=number,
        worker=worker,
        epoch=epoch,
        phase=JobPhase.LIVE,
        granted=START,
        timeout=START + HOUR,
        limit=START + 24 * HOUR,
    )


def change(kind: EventKind, record: Request | Worker) -> Change:
    event = Event(number=1, at=START, kind=kind)
    if isinstance(record, Request):
        return Change(event=event, request=record)
    return Change(event=event, worker=record)


def new_fleet(feed: Feed | None = None) -> Fleet:
    clock = VirtualClock(START)
    return Fleet(feed or cast("Feed", None), SimulatedBoards(clock), clock)


def new_tunnels(fleet: Fleet, relay: FakeRelay, reports: FakeReports | None = None) -> Tunnels:
    return Tunnels(fleet, relay, cast("Reports", reports or FakeReports()), SETTINGS)


def begun(*workers: Worker, requests: Iterable[Request] = ()) -> tuple[Fleet, FakeRelay]:
    """Return a fleet that was read and told tunnels, and the relay that they told."""
    fleet, relay = new_fleet(), FakeRelay()
    fleet.listen(new_tunnels(fleet, relay).touched)
    fleet.begin(Snapshot(number=1, requests=requests, workers=workers), 0)
    assert relay.calls == ["replace"]
    relay.calls.clear()
    return fleet, relay


LIVE_END = START + HOUR + timedelta(seconds=2 + 3600 * 0.0002)


class Following:
    """A store in memory, followed by tunnels."""

    def __init__(self, store: SqliteStore, feed: Feed, relay: FakeRelay, tunnels: Tunnels) -> None:
        self._store = store
        self._feed = feed
        self.relay = relay
        self.tunnels = tunnels

    async def save(self, worker: Worker) -> None:
        """Commit a worker."""
        await self._store.execute(lambda tx, _now: tx.save_worker(worker, EventKind.WORKER_CHANGED))

    def doubt(self) -> None:
        """Make every follower start over."""
        self._feed._lose_track()


@asynccontextmanager
async def following(reports: FakeReports | None = None) -> AsyncIterator[Following]:
    clock = VirtualClock(START)
    store = SqliteStore(":memory:", clock, SETTINGS, inline=True)
    await store.start()
    relay = FakeRelay()
    feed = Feed(store)
    fleet = new_fleet(feed)
    tunnels = new_tunnels(fleet, relay, reports)
    assert tunnels.alive() is not None
    tasks = [asyncio.create_task(follow()) for follow in (fleet.follow, tunnels.follow)]
    try:
        await relay.until("replace")
        yield Following(store, feed, relay, tunnels)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await store.close()
    assert all(task.cancelled() for task in tasks)
