import asyncio
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from boruta_farm.metrics.exposition import FRESH_SECONDS, Metrics, Sources
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.store.base import FarmSize
from boruta_farm.web.metrics import Traffic
from tests.web.serving import World

Sample = tuple[str, frozenset[tuple[str, str]]]


async def figures(world: World) -> dict[Sample, float]:
    """Return what is written, read again by the library for it."""
    text = (await world.services.metrics()).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


async def test_boards_and_requests_are_counted_by_state() -> None:
    async with World() as world:
        following = asyncio.create_task(world.farm.fleet.follow())
        await world.lend("board-1", "lab", {"board": "rpi4"})
        for priority in (3, 8, 8):
            new = NewRequest(priority=priority, caps={"board": "none"})
            await world.requests.new_request(LOCAL_ADMIN, new)
        await world.rest()
        found = await figures(world)
        following.cancel()
    assert found[sample("boruta_workers", state="IDLE")] == 1
    assert found[sample("boruta_workers", state="FAILED")] == 0
    assert found[sample("boruta_requests", state="WAITING", priority="8")] == 2
    assert found[sample("boruta_requests", state="WAITING", priority="3")] == 1
    assert found[sample("boruta_events_total", kind="request.created")] == 3
    assert found[sample("boruta_event_lag")] == 0
    assert found[sample("boruta_database_bytes")] > 0
    assert found[sample("boruta_healthy")] == 1


async def test_finished_requests_are_those_kept() -> None:
    async with World() as world:
        filed = await world.requests.new_request(LOCAL_ADMIN, NewRequest(priority=8, caps={}))
        await world.requests.close_request(LOCAL_ADMIN, filed.id)
        found = await figures(world)
    assert found[sample("boruta_requests_kept", state="CANCELLED")] == 1
    assert sample("boruta_requests", state="WAITING", priority="8") not in found


async def test_trouble_shows() -> None:
    async with World() as world:
        world.trouble = "the loop stands still"
        found = await figures(world)
    assert found[sample("boruta_healthy")] == 0


async def test_many_who_ask_at_once_cost_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        counted = 0
        real = world.store.farm_size

        async def farm_size() -> FarmSize:
            nonlocal counted
            counted += 1
            return await real()

        monkeypatch.setattr(world.store, "farm_size", farm_size)
        texts = await asyncio.gather(*(world.services.metrics() for _ in range(20)))
        assert len(set(texts)) == 1
        assert counted == 1
        world.clock.advance(timedelta(seconds=FRESH_SECONDS))
        await world.services.metrics()
        assert counted == 2


async def test_sites_are_told_with_and_without_their_relays() -> None:
    async with World() as world:
        sources = Sources(
            version="9",
            fleet=world.farm.fleet,
            store=world.store,
            answered=Traffic(),
            relay=world.farm.relay,
            connections=lambda _uuid: 0,
            health=lambda: None,
            sites=lambda: {"lab-b": True, "lab-c": False},
        )
        text = (await Metrics(sources, world.clock).write()).decode()
    assert 'boruta_site_relay{site="lab-b"} 1.0' in text
    assert 'boruta_site_relay{site="lab-c"} 0.0' in text
