import pytest

from boruta_farm.client.farm import Farm
from boruta_farm.model.errors import WorkerNotFoundError
from boruta_farm.model.listing import WorkerFilter
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import WorkerChange, WorkerState
from tests.client.serving import Served, uuid_of


@pytest.fixture(autouse=True)
def boards(served: Served) -> None:
    served.board(1, "lab-1", caps={"board": "rpi4"})
    served.board(2, "lab-2", state=WorkerState.MAINTENANCE)


def last_body(served: Served) -> object:
    return served.heard[-1].json


async def test_list_and_filter(farm: Farm, served: Served) -> None:
    page = await farm.workers.list_workers(farm.caller)
    assert [worker.name for worker in page.items] == ["lab-1", "lab-2"]
    where = WorkerFilter(caps={"board": "rpi4"}, groups=("ci",), states=("IDLE",))
    assert (await farm.workers.list_workers(farm.caller, where)).total == 0
    await farm.workers.set_groups(farm.caller, "lab-1", ("ci",))
    page = await farm.workers.list_workers(farm.caller, where)
    assert [worker.name for worker in page.items] == ["lab-1"]
    assert last_body(served) == {
        "Filter": {"Groups": ["ci"], "Capabilities": {"board": "rpi4"}, "States": ["IDLE"]},
        "Sorter": None,
        "Paginator": None,
    }


async def test_by_uuid_and_by_name(farm: Farm) -> None:
    assert (await farm.workers.get_worker_info(farm.caller, uuid_of(1))).name == "lab-1"
    assert (await farm.workers.get_worker_info(farm.caller, "lab-1")).uuid == uuid_of(1)


@pytest.mark.parametrize("name", ["", ".", "..", "nobody", "a?b"])
async def test_unknown_names(farm: Farm, name: str) -> None:
    with pytest.raises(WorkerNotFoundError):
        await farm.workers.get_worker_info(farm.caller, name)


async def test_set_state_with_reason_and_after_job(farm: Farm, served: Served) -> None:
    await farm.workers.set_state(farm.caller, "lab-2", WorkerState.IDLE)
    assert last_body(served) == {"WorkerState": "IDLE"}
    await farm.workers.set_state(
        farm.caller, "lab-2", WorkerState.MAINTENANCE, reason="new card", after_job=True
    )
    assert last_body(served) == {
        "WorkerState": "MAINTENANCE",
        "Reason": "new card",
        "AfterJob": True,
    }


async def test_groups(farm: Farm) -> None:
    await farm.workers.set_groups(farm.caller, "lab-2", ("b", "a"))
    assert (await farm.workers.get_worker_info(farm.caller, "lab-2")).groups == ("a", "b")
    await farm.workers.set_groups(farm.caller, "lab-2", ())
    assert (await farm.workers.get_worker_info(farm.caller, "lab-2")).groups == ()


async def test_labels_notes_and_photo(farm: Farm, served: Served) -> None:
    change = WorkerChange(labels={"rack": "2"}, notes="", photo="https://wiki.example/a.jpg")
    await farm.workers.describe(farm.caller, "lab-2", change)
    assert last_body(served) == {
        "Labels": {"rack": "2"},
        "Notes": "",
        "Photo": "https://wiki.example/a.jpg",
    }
    worker = await farm.workers.get_worker_info(farm.caller, "lab-2")
    assert (worker.labels, worker.photo) == ({"rack": "2"}, "https://wiki.example/a.jpg")


async def test_deregister(farm: Farm) -> None:
    await farm.workers.deregister(farm.caller, "lab-2")
    with pytest.raises(WorkerNotFoundError):
        await farm.workers.deregister(farm.caller, "lab-2")


async def test_orphans(farm: Farm, served: Served) -> None:
    await farm.workers.set_groups(farm.caller, "lab-1", ("ci",))
    for _ in range(3):
        await farm.requests.new_request(
            farm.caller, NewRequest(caps={"UUID": uuid_of(2)}, priority=8)
        )
    assert await farm.workers.count_orphans(farm.caller, "lab-2") == 3
    assert await farm.workers.count_orphans(farm.caller, "lab-2", ("a", "b")) == 0
    assert served.heard[-1].query == "groups=a%2Cb"
    assert await farm.workers.count_orphans(farm.caller, "lab-2", labels={"rack": "2"}) == 0
    assert served.heard[-1].query == "labels=%7B%22rack%22%3A+%222%22%7D"
