"""What every implementation promises of its lists."""

import pytest

from boruta_farm.model.errors import RequestNotFoundError, SortItemError, WorkerNotFoundError
from boruta_farm.model.listing import (
    ListDirection,
    Paginator,
    RequestFilter,
    Sorter,
    SortOrder,
    WorkerFilter,
)
from tests.contracts.scene import scene
from tests.contracts.stage import CALLER, UUID, Stage

BACKWARD = ListDirection.BACKWARD
DESCENDING = SortOrder.DESCENDING


async def ids(
    stage: Stage,
    where: RequestFilter | None = None,
    sorter: Sorter | None = None,
    paginator: Paginator | None = None,
) -> list[int]:
    page = await stage.requests.list_requests(CALLER, where, sorter, paginator)
    return [request.id for request in page.items]


async def names(
    stage: Stage,
    where: WorkerFilter | None = None,
    sorter: Sorter | None = None,
    paginator: Paginator | None = None,
) -> list[str]:
    page = await stage.workers.list_workers(CALLER, where, sorter, paginator)
    return [worker.name for worker in page.items]


@scene
async def test_all_requests_by_id(stage: Stage) -> None:
    assert await ids(stage) == []
    for priority in (8, 3, 8):
        await stage.filed(priority=priority)
    await stage.requests.close_request(CALLER, 2)
    assert await ids(stage) == [1, 2, 3], "finished ones too"
    assert (await stage.requests.list_requests(CALLER)).total == 3


@scene
async def test_requests_are_filtered_by_every_field(stage: Stage) -> None:
    for priority in (8, 3, 8, 3):
        await stage.filed(priority=priority)
    await stage.requests.close_request(CALLER, 2)
    assert await ids(stage, RequestFilter(ids=(1, 2, 99))) == [1, 2]
    assert await ids(stage, RequestFilter(priorities=(3,))) == [2, 4]
    assert await ids(stage, RequestFilter(states=("CANCELLED",))) == [2]
    assert await ids(stage, RequestFilter(states=("nonsense",))) == []
    assert await ids(stage, RequestFilter(priorities=(3,), states=("WAITING",))) == [4]
    assert await ids(stage, RequestFilter(ids=())) == [1, 2, 3, 4], "empty filters nothing"


@scene
async def test_requests_are_sorted(stage: Stage) -> None:
    for priority in (8, 3, 8):
        await stage.filed(priority=priority)
    assert await ids(stage, sorter=Sorter(order=DESCENDING)) == [3, 2, 1]
    assert await ids(stage, sorter=Sorter(item="Priority")) == [2, 1, 3]
    assert await ids(stage, sorter=Sorter(item="priority", order=DESCENDING)) == [3, 1, 2]
    for item in ("deadline", "validafter", "state"):
        assert await ids(stage, sorter=Sorter(item=item)) == [1, 2, 3]
    with pytest.raises(SortItemError):
        await ids(stage, sorter=Sorter(item="colour"))


@scene
async def test_requests_come_in_pages(stage: Stage) -> None:
    for _ in range(5):
        await stage.filed()
    page = await stage.requests.list_requests(CALLER, paginator=Paginator(border=2, limit=2))
    assert [request.id for request in page.items] == [3, 4]
    assert (page.total, page.remaining) == (5, 1)
    back = Paginator(border=4, direction=BACKWARD, limit=2)
    page = await stage.requests.list_requests(CALLER, paginator=back)
    assert [request.id for request in page.items] == [2, 3]
    assert (page.total, page.remaining) == (5, 1)
    assert await ids(stage, paginator=Paginator(limit=2)) == [1, 2]
    assert await ids(stage, paginator=Paginator(limit=2, direction=BACKWARD)) == [4, 5]
    assert await ids(stage, paginator=Paginator(limit=0)) == [1, 2, 3, 4, 5]
    with pytest.raises(RequestNotFoundError):
        await ids(stage, paginator=Paginator(border=99))


@scene
async def test_workers_are_filtered(stage: Stage) -> None:
    await stage.board(1, {"board": "rpi4", "arch": "arm"})
    await stage.board(2, {"board": "rpi3", "arch": "arm"}, idle=False)
    await stage.workers.set_groups(CALLER, UUID.format(2), ("ci", "lab"))
    assert await names(stage) == ["board-1", "board-2"]
    assert await names(stage, WorkerFilter(caps={"arch": "arm"})) == ["board-1", "board-2"]
    assert await names(stage, WorkerFilter(caps={"arch": "arm", "board": "rpi3"})) == ["board-2"]
    assert await names(stage, WorkerFilter(caps={"UUID": UUID.format(1)})) == ["board-1"]
    assert await names(stage, WorkerFilter(groups=("ci", "other"))) == ["board-2"]
    assert await names(stage, WorkerFilter(states=("IDLE",))) == ["board-1"]
    assert await names(stage, WorkerFilter(states=())) == ["board-1", "board-2"]


@scene
async def test_workers_are_sorted_and_come_in_pages(stage: Stage) -> None:
    for number in (3, 1, 2):
        await stage.board(number, idle=number == 2)
    assert await names(stage) == ["board-1", "board-2", "board-3"], "by UUID"
    by_name = Sorter(item="name", order=DESCENDING)
    assert await names(stage, sorter=by_name) == ["board-3", "board-2", "board-1"]
    assert await names(stage, sorter=Sorter(item="state")) == ["board-2", "board-1", "board-3"]
    page = await stage.workers.list_workers(
        CALLER, paginator=Paginator(border=UUID.format(1), limit=1)
    )
    assert [worker.name for worker in page.items] == ["board-2"]
    assert (page.total, page.remaining) == (3, 1)
    with pytest.raises(SortItemError):
        await names(stage, sorter=Sorter(item="colour"))
    with pytest.raises(WorkerNotFoundError):
        await names(stage, paginator=Paginator(border=UUID.format(9)))
