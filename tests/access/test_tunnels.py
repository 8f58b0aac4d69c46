import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.access.tunnelling import (
    HOUR,
    LIVE_END,
    START,
    WITHIN,
    FakeRelay,
    FakeReports,
    begun,
    change,
    following,
    make_job,
    make_request,
    make_worker,
    new_fleet,
    new_tunnels,
)

from boruta_farm.access.routes import TunnelRoute
from boruta_farm.access.tunnels import split_address
from boruta_farm.feed import Snapshot
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.worker import Reach


def test_every_worker_has_a_route_and_only_live_jobs_an_epoch() -> None:
    opening = replace(make_job(2, "w2"), phase=JobPhase.OPENING)
    ended = replace(make_job(3, "w3"), phase=JobPhase.ENDED)
    _, relay = begun(
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
    assert relay.routes["w1"] == TunnelRoute(
        worker="w1", port=20001, host="192.0.2.1", target=22, epoch=1, cut=LIVE_END
    )
    assert relay.routes["w2"].cut is None


def test_who_is_signed_in_is_told_of_live_jobs_alone() -> None:
    fleet, relay = new_fleet(), FakeRelay()
    tunnels = new_tunnels(fleet, relay)
    fleet.listen(tunnels.touched)
    fleet.begin(Snapshot(number=1, requests=(), workers=(make_worker("w1"),)), 0)
    tunnels.signed_in("w1", (40022,))
    tunnels.signed_in("nobody", (40022,))
    assert not [call for call in relay.calls if call.startswith("signed_in")]
    fleet.fold((change(EventKind.REQUEST_STARTED, make_request(1, make_job(1, "w1"))),))
    tunnels.signed_in("w1", (40022,))
    assert relay.calls[-1] == "signed_in w1 1 (40022,)"


def test_a_tunnel_is_used_once_somebody_came_in_its_present_job() -> None:
    fleet, relay = new_fleet(), FakeRelay()
    tunnels = new_tunnels(fleet, relay)
    fleet.listen(tunnels.touched)
    fleet.begin(Snapshot(number=1, requests=(), workers=(make_worker("w1"),)), 0)
    relay.visited["w1"] = 4
    fleet.fold((change(EventKind.REQUEST_STARTED, make_request(1, make_job(1, "w1"))),))
    assert not tunnels.used("w1")
    relay.visited["w1"] += 1
    assert tunnels.used("w1")
    fleet.fold((change(EventKind.REQUEST_REQUEUED, make_request(1)),))
    assert not tunnels.used("w1")
    relay.connected["w1"] = 1
    assert tunnels.used("w1")


def test_a_route_says_how_its_board_is_reached() -> None:
    _, relay = begun(
        replace(make_worker("w1"), reach=Reach.OUTBOUND),
        replace(make_worker("w2", port=20001), reach=Reach.AUTO),
        requests=(make_request(2, make_job(2, "w2")),),
    )
    assert relay.routes["w1"].reach is Reach.OUTBOUND
    assert relay.routes["w2"].reach is Reach.AUTO


def test_a_job_is_told_from_its_start_to_its_end() -> None:
    fleet, relay = begun(make_worker())
    job = make_job()
    fleet.fold((change(EventKind.REQUEST_CREATED, make_request()),))
    assert relay.calls == []
    fleet.fold((change(EventKind.REQUEST_STARTED, make_request(1, job)),))
    assert relay.routes["w1"].epoch == 1
    assert relay.routes["w1"].cut == LIVE_END
    longer = replace(job, timeout=job.timeout + HOUR, prolong_seq=1)
    fleet.fold((change(EventKind.REQUEST_PROLONGED, make_request(1, longer)),))
    slack = timedelta(seconds=2 + 7200 * 0.0002)
    assert relay.routes["w1"].cut == START + 2 * HOUR + slack
    over = replace(longer, phase=JobPhase.ENDED)
    fleet.fold((change(EventKind.REQUEST_FINISHED, make_request(1, over)),))
    assert relay.routes["w1"] == TunnelRoute(worker="w1", port=20000, host="192.0.2.1", target=22)
    assert relay.calls == ["put w1"] * 3


def test_a_wish_that_the_agent_has_not_stored_moves_nothing() -> None:
    job = make_job()
    fleet, relay = begun(make_worker(), requests=[make_request(1, job)])
    wished = replace(job, wanted_timeout=job.timeout + HOUR, prolong_seq=1)
    fleet.fold((change(EventKind.REQUEST_UPDATED, make_request(1, wished)),))
    assert relay.calls == []


def test_an_opening_job_is_reached_only_once_it_is_live() -> None:
    fleet, relay = begun(make_worker())
    opening = replace(make_job(), phase=JobPhase.OPENING)
    fleet.fold((change(EventKind.REQUEST_OPENING, make_request(1, opening)),))
    assert relay.routes["w1"].epoch is None
    fleet.fold((change(EventKind.REQUEST_STARTED, make_request(1, make_job())),))
    assert relay.routes["w1"].epoch == 1


def test_a_batch_is_told_once_and_with_its_outcome() -> None:
    """The end of one job and the grant of the next may come in one batch."""
    first = make_job(1, epoch=1)
    fleet, relay = begun(make_worker(), requests=[make_request(1, first)])
    over = replace(first, phase=JobPhase.ENDED)
    fleet.fold(
        (
            change(EventKind.REQUEST_FINISHED, make_request(1, over)),
            change(EventKind.WORKER_STATE, make_worker(epoch=2)),
            change(EventKind.REQUEST_STARTED, make_request(2, make_job(2, epoch=2))),
            change(EventKind.WORKER_STATE, make_worker(epoch=2)),
        )
    )
    assert relay.calls == ["put w1"]
    assert relay.routes["w1"].epoch == 2
    fleet.fold((change(EventKind.REQUEST_UPDATED, make_request(1, over)),))
    assert relay.routes["w1"].epoch == 2


def test_a_job_without_its_request_ends() -> None:
    """An aborted OPENING job, or a requeued request, keeps no job."""
    fleet, relay = begun(make_worker(), requests=[make_request(1, make_job())])
    fleet.fold((change(EventKind.REQUEST_REQUEUED, make_request(1)),))
    assert relay.routes["w1"].epoch is None


def test_workers_come_change_and_go() -> None:
    fleet, relay = begun()
    fleet.fold((change(EventKind.WORKER_REGISTERED, make_worker()),))
    assert relay.routes["w1"].port == 20000
    fleet.fold((change(EventKind.WORKER_STATE, make_worker(epoch=2)),))
    moved = replace(make_worker(port=20007), ssh_address="[2001:db8::7]:2222")
    fleet.fold((change(EventKind.WORKER_CHANGED, moved),))
    assert relay.routes["w1"] == TunnelRoute(
        worker="w1", port=20007, host="2001:db8::7", target=2222
    )
    fleet.fold((change(EventKind.WORKER_DEREGISTERED, moved),))
    assert relay.routes == {}
    assert relay.calls == ["put w1", "put w1", "drop w1"]


def test_a_new_snapshot_starts_over() -> None:
    fleet, relay = begun(
        make_worker(), make_worker("w2", port=20001), requests=[make_request(1, make_job())]
    )
    fleet.begin(Snapshot(number=9, requests=(), workers=(make_worker(epoch=2),)), 0)
    assert {w: r.epoch for w, r in relay.routes.items()} == {"w1": None}


async def test_it_follows_the_feed_and_starts_over_when_it_fell_behind() -> None:
    async with following() as farm:
        await farm.save(make_worker())
        await farm.relay.until("put w1")
        assert farm.tunnels.alive() is None
        farm.relay.connected["w1"] = 3
        assert farm.tunnels.connections("w1") == 3
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
