"""What every implementation promises of selectors: in requests and in lists."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.model.errors import LimitError, SelectorError, UnmetDemandError
from boruta_farm.model.listing import (
    ListDirection,
    Paginator,
    RequestFilter,
    Sorter,
    SortOrder,
    WorkerFilter,
)
from boruta_farm.model.request import NewRequest
from tests.contracts.scene import scene
from tests.contracts.stage import CALLER, UUID, Stage


async def filed(stage: Stage, selector: str, **caps: str) -> int:
    new = NewRequest(caps=caps, selector=selector, priority=8)
    return (await stage.requests.new_request(CALLER, new)).id


async def workers(stage: Stage, selector: str) -> list[str]:
    page = await stage.workers.list_workers(CALLER, WorkerFilter(selector=selector))
    return [worker.name for worker in page.items]


async def requests(
    stage: Stage, selector: str, sorter: Sorter | None = None, paginator: Paginator | None = None
) -> list[int]:
    where = RequestFilter(selector=selector)
    page = await stage.requests.list_requests(CALLER, where, sorter, paginator)
    return [request.id for request in page.items]


async def lab(stage: Stage) -> None:
    await stage.board(1, {"board": "rpi3", "ram": "1"})
    await stage.board(2, {"board": "rpi4", "ram": "4", "serial": "9600, 115200"})
    await stage.board(3, {"board": "rpi4", "ram": "8", "broken": "fan"}, idle=False)


@scene
async def test_a_selector_is_kept_in_canonical_form_and_served(stage: Stage) -> None:
    await lab(stage)
    number = await filed(stage, " ram>=2.0,board in (rpi3,rpi4) ,!broken", board="rpi4")
    request = await stage.requests.get_request_info(CALLER, number)
    assert request.selector == "board in (rpi3, rpi4), !broken, ram >= 2"
    access = await stage.requests.acquire_worker(CALLER, number, timedelta(seconds=30))
    assert access.port
    held = await stage.requests.get_request_info(CALLER, number)
    assert held.job is not None
    assert (await stage.workers.get_worker_info(CALLER, held.job.worker)).name == "board-2"


@scene
async def test_an_empty_selector_asks_for_nothing(stage: Stage) -> None:
    request = await stage.requests.get_request_info(CALLER, await filed(stage, "  "))
    assert request.selector is None


@scene
async def test_what_cannot_be_read_is_refused_with_place_and_known_names(stage: Stage) -> None:
    await lab(stage)
    with pytest.raises(SelectorError) as caught:
        await filed(stage, "rma >= two")
    assert caught.value.column == 8
    assert caught.value.message == (
        "Selector, column 8: expected a number after '>=', found 'two'; "
        "did you mean ram? capabilities known here: UUID, board, broken, name, ram, serial"
    )


@scene
async def test_contradictions_are_refused_with_the_place(stage: Stage) -> None:
    with pytest.raises(SelectorError, match="contradicts 'ram >= 3' at column 1") as caught:
        await filed(stage, "ram >= 3, ram < 2")
    assert caught.value.column == 11
    with pytest.raises(SelectorError, match="contradicts Caps, which ask for ram=1") as caught:
        await filed(stage, "ram >= 3", ram="1")
    assert caught.value.column == 1
    assert await requests(stage, "") == []


@scene
async def test_a_selector_beyond_the_limit_is_refused_with_its_name(stage: Stage) -> None:
    with pytest.raises(LimitError, match="'max_selector_length' of 4096"):
        await filed(stage, "a" * 4097)
    # What could not be read is not read: the length comes first.
    with pytest.raises(LimitError, match="'max_selector_length' of 4096"):
        await filed(stage, "(" * 4097)
    with pytest.raises(LimitError, match="'max_selector_length' of 4096"):
        await requests(stage, "(" * 4097)


@scene
async def test_strict_refuses_what_no_board_could_serve(stage: Stage) -> None:
    await lab(stage)
    new = NewRequest(caps={}, selector="ram >= 16", priority=8, strict=True)
    with pytest.raises(UnmetDemandError, match="ram >= 16") as caught:
        await stage.requests.new_request(CALLER, new)
    assert "nothing was filed" in caught.value.message
    assert await requests(stage, "") == []
    for selector in ("ram >= 8", None):
        # A board in maintenance could serve it, some day.
        caps = {"broken": "fan"}
        await stage.requests.new_request(
            CALLER, NewRequest(caps=caps, selector=selector, priority=8, strict=True)
        )
    assert await requests(stage, "") == [1, 2]


@scene
async def test_a_strict_filing_is_repeated_whatever_boards_are_left(stage: Stage) -> None:
    await lab(stage)
    new = NewRequest(
        caps={}, selector="ram >= 8", priority=8, strict=True, idempotency_key="k", body_hash="1"
    )
    first = await stage.requests.new_request(CALLER, new)
    await stage.workers.deregister(CALLER, UUID.format(3))
    await stage.farm.settle()
    with pytest.raises(UnmetDemandError):
        await stage.requests.new_request(CALLER, replace(new, idempotency_key=None))
    assert (await stage.requests.new_request(CALLER, new)).id == first.id


@scene
async def test_workers_are_listed_by_the_same_language(stage: Stage) -> None:
    await lab(stage)
    assert await workers(stage, "ram >= 2") == ["board-2", "board-3"]
    assert await workers(stage, "serial has 115200") == ["board-2"]
    assert await workers(stage, "!broken, board != rpi4") == ["board-1"]
    assert await workers(stage, "state = MAINTENANCE") == ["board-3"]
    assert await workers(stage, "name in (board-1, board-9), fence = agent") == ["board-1"]
    assert await workers(stage, "groups") == []
    with pytest.raises(SelectorError, match="column 5"):
        await workers(stage, "ram ?")


@scene
async def test_requests_are_listed_by_the_same_language(stage: Stage) -> None:
    await stage.filed({"board": "rpi3"}, priority=4)
    await stage.filed({"board": "rpi4", "state": "solid"}, priority=9)
    await filed(stage, "ram >= 2")
    await stage.requests.close_request(CALLER, 3)
    assert await requests(stage, "board") == [1, 2]
    assert await requests(stage, "board != rpi4, priority <= 8") == [1, 3]
    assert await requests(stage, "state = WAITING") == [1], "a capability of that name wins"
    assert await requests(stage, "state = CANCELLED, selector") == [3]
    assert await requests(stage, "!worker, id 2..3") == [2, 3]
    with pytest.raises(SelectorError, match="column 1"):
        await requests(stage, "= 1")


@scene
async def test_filtered_requests_come_in_pages(stage: Stage) -> None:
    for number in range(1, 8):
        await stage.filed({"n": str(number % 2)}, priority=1 + number % 3)
    where = RequestFilter(selector="n = 1")
    page = await stage.requests.list_requests(CALLER, where, None, Paginator(limit=2))
    assert [r.id for r in page.items] == [1, 3]
    assert (page.total, page.remaining) == (4, 2)
    assert await requests(stage, "n = 1", None, Paginator(border=4, limit=2)) == [5, 7]
    back = Paginator(border=4, direction=ListDirection.BACKWARD)
    assert await requests(stage, "n = 1", None, back) == [1, 3]
    sorter = Sorter(item="priority", order=SortOrder.DESCENDING)
    assert await requests(stage, "n = 1", sorter) == [5, 7, 1, 3]
    assert await requests(stage, "n = 1", sorter, Paginator(border=7)) == [1, 3]
