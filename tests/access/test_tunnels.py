import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn, cast

import pytest

from boruta_farm.access.routes import BindFailure, Route
from boruta_farm.access.tunnels import Tunnels, split_address
from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import Reports
from boruta_farm.feed import Feed, Snapshot
from boruta_farm.model.errors import PortsExhaustedError
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Reach, Worker, WorkerState
from boruta_farm.store.sqlite import SqliteStore

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTINGS = FarmSettings()
WITHIN = 60.0


class FakeRelay:
    """Hold what is wanted, inline."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.calls: list[str] = []
        self.failures: asyncio.Queue[BindFailure] = asyncio.Queue()
        self.failing_workers: set[str] = set()
        self.running = False
        self._news = asyncio.Event()

    async def run(self) -> NoReturn:
        self.running = True
        await asyncio.Event().wait()
        raise AssertionError

    def replace(self, routes: Iterable[Route]) -> None:
        self.routes = {route.worker: route for route in routes}
        self._note("replace")

    def put(self, route: Route) -> None:
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

    def connections(self, worker: str) -> int:
        return 3 if worker in self.routes else 0

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


def new_tunnels(
    relay: FakeRelay, feed: Feed | None = None, reports: FakeReports | None = None
) -> Tunnels:
    return Tunnels(
        feed or cast("Feed", None),
        relay,
        cast("Reports", reports or FakeReports()),
        VirtualClock(START),
        SETTINGS,
    )


def begun(*workers: Worker, requests: Iterable[Request] = ()) -> tuple[Tunnels, FakeRelay]:
    relay = FakeRelay()
    tunnels = new_tunnels(relay)
    tunnels.begin(Snapshot(number=1, requests=requests, workers=workers))
    assert relay.calls == ["replace"]
    relay.calls.clear()
    return tunnels, relay


LIVE_END = START + HOUR + timedelta(seconds=2 + 3600 * 0.0002)


def test_every_worker_has_a_route_and_only_live_jobs_an_epoch() -> None:
    opening = replace(make_job(2, "w2"), phase=JobPhase.OPENING)
    ended = replace(make_job(3, "w3"), phase=JobPhase.ENDED)
    tunnels, relay = begun(
        *(make_worker(f"w{n}", port=20000 + n) for n in (1, 2, 3, 4)),
        requests=(
            make_request(1, make_job(1, "w1")),
            make_request(2, opening),
            make_request(3, ended),
            make_request(4),
        ),
    )
    assert {w: (r.port, r.epoch) for w, r in relay.routes.items()} == {
        "w1": (20001, 1),
        "w2": (20002, None),
        "w3": (20003, None),
        "w4": (20004, None),
    }
    assert relay.routes["w1"] == Route(
        worker="w1", port=20001, host="192.0.2.1", target=22, epoch=1, cut=LIVE_END
    )
    assert relay.routes["w2"].cut is None
    assert tunnels.connections("w1") == 3


def test_a_route_says_how_its_board_is_reached() -> None:
    _, relay = begun(
        replace(make_worker("w1"), reach=Reach.OUTBOUND),
        replace(make_worker("w2", port=20001), reach=Reach.AUTO),
        requests=(make_request(2, make_job(2, "w2")),),
    )
    assert relay.routes["w1"].reach is Reach.OUTBOUND
    assert relay.routes["w2"].reach is Reach.AUTO


def test_a_job_is_told_from_its_start_to_its_end() -> None:
    tunnels, relay = begun(make_worker())
    job = make_job()
    tunnels.fold((change(EventKind.REQUEST_CREATED, make_request()),))
    assert relay.calls == []
    tunnels.fold((change(EventKind.REQUEST_STARTED, make_request(1, job)),))
    assert relay.routes["w1"].epoch == 1
    assert relay.routes["w1"].cut == LIVE_END
    longer = replace(job, timeout=job.timeout + HOUR, prolong_seq=1)
    tunnels.fold((change(EventKind.REQUEST_PROLONGED, make_request(1, longer)),))
    slack = timedelta(seconds=2 + 7200 * 0.0002)
    assert relay.routes["w1"].cut == START + 2 * HOUR + slack
    over = replace(longer, phase=JobPhase.ENDED)
    tunnels.fold((change(EventKind.REQUEST_FINISHED, make_request(1, over)),))
    assert relay.routes["w1"] == Route(worker="w1", port=20000, host="192.0.2.1", target=22)
    assert relay.calls == ["put w1"] * 3


def test_a_wish_that_the_agent_has_not_stored_moves_nothing() -> None:
    job = make_job()
    tunnels, relay = begun(make_worker(), requests=[make_request(1, job)])
    wished = replace(job, wanted_timeout=job.timeout + HOUR, prolong_seq=1)
    tunnels.fold((change(EventKind.REQUEST_UPDATED, make_request(1, wished)),))
    assert relay.calls == []


def test_an_opening_job_is_reached_only_once_it_is_live() -> None:
    tunnels, relay = begun(make_worker())
    opening = replace(make_job(), phase=JobPhase.OPENING)
    tunnels.fold((change(EventKind.REQUEST_OPENING, make_request(1, opening)),))
    assert relay.routes["w1"].epoch is None
    tunnels.fold((change(EventKind.REQUEST_STARTED, make_request(1, make_job())),))
    assert relay.routes["w1"].epoch == 1


def test_a_batch_is_told_once_and_with_its_outcome() -> None:
    """The end of one job and the grant of the next may come in one batch."""
    first = make_job(1, epoch=1)
    tunnels, relay = begun(make_worker(), requests=[make_request(1, first)])
    over = replace(first, phase=JobPhase.ENDED)
    tunnels.fold(
        (
            change(EventKind.REQUEST_FINISHED, make_request(1, over)),
            change(EventKind.WORKER_STATE, make_worker(epoch=2)),
            change(EventKind.REQUEST_STARTED, make_request(2, make_job(2, epoch=2))),
            change(EventKind.WORKER_STATE, make_worker(epoch=2)),
        )
    )
    assert relay.calls == ["put w1"]
    assert relay.routes["w1"].epoch == 2
    tunnels.fold((change(EventKind.REQUEST_UPDATED, make_request(1, over)),))
    assert relay.routes["w1"].epoch == 2


def test_a_job_without_its_request_ends() -> None:
    """An aborted OPENING job, or a requeued request, keeps no job."""
    tunnels, relay = begun(make_worker(), requests=[make_request(1, make_job())])
    tunnels.fold((change(EventKind.REQUEST_REQUEUED, make_request(1)),))
    assert relay.routes["w1"].epoch is None


def test_workers_come_change_and_go() -> None:
    tunnels, relay = begun()
    tunnels.fold((change(EventKind.WORKER_REGISTERED, make_worker()),))
    assert relay.routes["w1"].port == 20000
    tunnels.fold((change(EventKind.WORKER_STATE, make_worker(epoch=2)),))
    moved = replace(make_worker(port=20007), ssh_address="[2001:db8::7]:2222")
    tunnels.fold((change(EventKind.WORKER_CHANGED, moved),))
    assert relay.routes["w1"] == Route(worker="w1", port=20007, host="2001:db8::7", target=2222)
    tunnels.fold((change(EventKind.WORKER_DEREGISTERED, moved),))
    assert relay.routes == {}
    assert relay.calls == ["put w1", "put w1", "drop w1"]


def test_a_new_snapshot_starts_over() -> None:
    tunnels, relay = begun(
        make_worker(), make_worker("w2", port=20001), requests=[make_request(1, make_job())]
    )
    tunnels.begin(Snapshot(number=9, requests=(), workers=(make_worker(epoch=2),)))
    assert {w: r.epoch for w, r in relay.routes.items()} == {"w1": None}


class Following:
    """A store in memory, followed by tunnels."""

    def __init__(self, store: SqliteStore, relay: FakeRelay, tunnels: Tunnels) -> None:
        self._store = store
        self.relay = relay
        self.tunnels = tunnels

    async def save(self, worker: Worker) -> None:
        """Commit a worker."""
        await self._store.run(lambda tx, _now: tx.save_worker(worker, EventKind.WORKER_CHANGED))

    def doubt(self) -> None:
        """Make every follower start over."""
        self.tunnels._feed._lose_track()


@asynccontextmanager
async def following(reports: FakeReports | None = None) -> AsyncIterator[Following]:
    clock = VirtualClock(START)
    store = SqliteStore(":memory:", clock, SETTINGS, inline=True)
    await store.start()
    relay = FakeRelay()
    tunnels = new_tunnels(relay, Feed(store), reports)
    assert tunnels.alive() is not None
    task = asyncio.create_task(tunnels.run())
    try:
        await relay.until("replace")
        yield Following(store, relay, tunnels)
    finally:
        task.cancel()
        await asyncio.wait([task])
        await store.close()
    assert task.cancelled()


async def test_it_follows_the_feed_and_starts_over_when_it_fell_behind() -> None:
    async with following() as farm:
        await farm.save(make_worker())
        await farm.relay.until("put w1")
        assert farm.tunnels.alive() is None
        farm.doubt()
        await farm.relay.until("replace")
        assert set(farm.relay.routes) == {"w1"}
        await farm.save(make_worker("w2", port=20001))
        await farm.relay.until("put w2")


async def test_a_port_that_cannot_be_bound_is_reported() -> None:
    reports = FakeReports()
    async with following(reports) as farm:
        farm.relay.fail("w1", 20000)
        async with asyncio.timeout(WITHIN):
            assert await reports.taken.get() == ("w1", 20000)


async def test_a_port_without_a_substitute_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("boruta_farm.access.tunnels.RETRY_AFTER", timedelta())
    reports = FakeReports(refusals=1)
    async with following(reports) as farm:
        await farm.save(make_worker())
        await farm.relay.until("put w1")
        farm.relay.fail("w1", 20000)
        farm.relay.fail("gone", 20001)
        await farm.relay.until("put w1")


async def test_a_worker_is_ready_once_the_relay_was_told_and_has_done_it() -> None:
    async with following() as farm:
        ready = asyncio.create_task(farm.tunnels.ready("w1"))
        await farm.save(make_worker())
        async with asyncio.timeout(WITHIN):
            await ready
        assert farm.relay.calls == ["put w1", "settle"]


async def test_a_worker_whose_port_is_taken_is_ready_once_it_has_another() -> None:
    reports = FakeReports()
    async with following(reports) as farm:
        farm.relay.failing_workers.add("w1")
        await farm.save(make_worker())
        ready = asyncio.create_task(farm.tunnels.ready("w1"))
        await farm.relay.until("settle")
        farm.relay.fail("w1", 20000)
        async with asyncio.timeout(WITHIN):
            await reports.taken.get()
        assert not ready.done()
        await farm.save(replace(make_worker(port=20001), revision=2))
        async with asyncio.timeout(WITHIN):
            await ready
        assert farm.relay.routes["w1"].port == 20001


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("192.0.2.1:22", "192.0.2.1", 22),
        ("[2001:db8::1]:22", "2001:db8::1", 22),
        ("board.lab:2222", "board.lab", 2222),
        ("board.lab", "board.lab", 0),
        ("board.lab:ssh", "board.lab:ssh", 0),
        ("board.lab:70000", "board.lab:70000", 0),
    ],
)
def test_addresses_are_split(address: str, host: str, port: int) -> None:
    assert split_address(address) == (host, port)
