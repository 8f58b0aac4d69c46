from datetime import timedelta

import pytest

from boruta_farm.metrics.lending import Lending
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.worker import WorkerState
from tests.web.serving import World

ASKED = NewRequest(priority=8, caps={"board": "rpi4"})


@pytest.fixture
async def lent_once() -> Lending:
    """Have a request wait 23 s, 3 of them for a board's preparation, and hold it for 20 minutes."""
    lending = Lending()
    async with World() as world:
        world.store.listen(lending.hear)
        filed = await world.requests.new_request(LOCAL_ADMIN, ASKED)
        world.clock.advance(timedelta(seconds=20))
        await world.register("board-1", "lab", {"board": "rpi4"})
        await world.workers.set_state(LOCAL_ADMIN, "board-1", WorkerState.IDLE)
        world.clock.advance(timedelta(seconds=3))
        await world.settle()
        world.clock.advance(timedelta(minutes=20))
        await world.requests.close_request(LOCAL_ADMIN, filed.id)
        await world.settle()
    return lending


async def test_waiting_preparing_and_lending_are_timed(lent_once: Lending) -> None:
    assert (lent_once.waited.total, sum(lent_once.waited.counts)) == (23, 1)
    assert lent_once.prepared.total == 3
    assert (lent_once.lent.total, sum(lent_once.lent.counts)) == (1200, 1)


async def test_what_happened_is_counted(lent_once: Lending) -> None:
    for kind in (EventKind.REQUEST_CREATED, EventKind.REQUEST_STARTED, EventKind.REQUEST_FINISHED):
        assert lent_once.events[kind] == 1
    assert lent_once.finished == {RequestState.DONE: 1}
    assert not lent_once.failures


async def test_cancelled_requests_were_lent_for_no_time() -> None:
    lending = Lending()
    async with World() as world:
        world.store.listen(lending.hear)
        filed = await world.requests.new_request(LOCAL_ADMIN, ASKED)
        await world.requests.close_request(LOCAL_ADMIN, filed.id)
    assert lending.finished == {RequestState.CANCELLED: 1}
    assert sum(lending.lent.counts) == sum(lending.waited.counts) == 0


async def test_boards_that_fail_count_by_what_they_did() -> None:
    lending = Lending()
    async with World() as world:
        world.store.listen(lending.hear)
        await world.register("board-1", "lab", {"board": "rpi4"})
        await world.workers.set_state(LOCAL_ADMIN, "board-1", WorkerState.IDLE)
        await world.farm.superviser.set_fail("board-1", "the card is gone")
    assert lending.failures == {WorkerState.PREPARE: 1}
