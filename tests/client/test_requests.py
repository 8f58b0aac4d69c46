from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from boruta_farm.client.farm import Farm
from boruta_farm.model.errors import (
    AgentUnreachableError,
    InvalidError,
    PriorityError,
    RequestNotFoundError,
    RequestStateError,
    WorkerNotAssignedError,
)
from boruta_farm.model.listing import Paginator, RequestFilter, Sorter, SortOrder
from boruta_farm.model.request import NewRequest, RequestState, RequestUpdate
from tests.client.serving import FIRST_KEY, FIRST_PORT, HOST_KEY, PUBLIC_KEY, Json, Served

PLAIN = NewRequest(caps={"board": "rpi4"}, priority=8)


def sent(served: Served, path: str) -> tuple[Mapping[str, str], Json]:
    """Return headers and body of the last call to a path."""
    call = [call for call in served.heard if call.path == path][-1]
    return call.headers, call.json if call.body else {}


async def test_plain_request_names_only_what_is_wanted(farm: Farm, served: Served) -> None:
    filed = await farm.requests.new_request(farm.caller, PLAIN)
    assert filed.id == 1
    assert filed.outlook is not None
    assert (filed.outlook.state, filed.outlook.position) == ("WAITING", 1)
    headers, body = sent(served, "reqs/")
    assert body == {"Priority": 8, "Caps": {"board": "rpi4"}}
    assert "idempotency-key" not in headers


async def test_everything_wanted_travels(farm: Farm, served: Served) -> None:
    new = NewRequest(
        caps=None,
        priority=1,
        valid_after=datetime(2027, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))),
        deadline=datetime(2027, 1, 2, tzinfo=UTC),
        ssh_key=PUBLIC_KEY,
        keep_alive=120,
        idempotency_key="once",
    )
    assert (await farm.requests.new_request(farm.caller, new)).id == 1
    assert (await farm.requests.new_request(farm.caller, new)).id == 1
    headers, body = sent(served, "reqs/")
    assert headers["idempotency-key"] == "once"
    assert body["ValidAfter"] == "2027-01-01T12:00:00Z"
    assert body["Deadline"] == "2027-01-02T00:00:00Z"
    assert (body["Caps"], body["SSHKey"], body["KeepAlive"]) == (None, new.ssh_key, 120)
    request = await farm.requests.get_request_info(farm.caller, 1)
    assert (request.valid_after, request.keep_alive) == (new.valid_after, 120)


async def test_errors_are_those_of_the_contract(farm: Farm) -> None:
    with pytest.raises(PriorityError):
        await farm.requests.new_request(farm.caller, NewRequest(caps={}, priority=17))
    for request_id in (7, -1):
        with pytest.raises(RequestNotFoundError):
            await farm.requests.get_request_info(farm.caller, request_id)
    await farm.requests.new_request(farm.caller, PLAIN)
    with pytest.raises(WorkerNotAssignedError):
        await farm.requests.acquire_worker(farm.caller, 1)
    await farm.requests.close_request(farm.caller, 1)
    with pytest.raises(RequestStateError):
        await farm.requests.close_request(farm.caller, 1)


async def test_update_sends_only_what_changes(farm: Farm, served: Served) -> None:
    await farm.requests.new_request(farm.caller, PLAIN)
    await farm.requests.update_request(farm.caller, 1, RequestUpdate(priority=3))
    assert sent(served, "reqs/1")[1] == {"Priority": 3}
    assert (await farm.requests.get_request_info(farm.caller, 1)).priority == 3


async def test_list_speaks_the_wire(farm: Farm, served: Served) -> None:
    await farm.requests.new_request(farm.caller, PLAIN)
    page = await farm.requests.list_requests(farm.caller)
    assert [request.id for request in page.items] == [1]
    assert (page.total, page.remaining) == (1, 0)
    assert sent(served, "reqs/list")[1] == {"Filter": None, "Sorter": None, "Paginator": None}
    where = RequestFilter(ids=(1,), priorities=(8,), states=(RequestState.DONE,))
    sorter = Sorter(item="priority", order=SortOrder.DESCENDING)
    page = await farm.requests.list_requests(
        farm.caller, where, sorter, Paginator(border=1, limit=2)
    )
    assert page.items == ()
    assert sent(served, "reqs/list")[1] == {
        "Filter": {"IDs": [1], "Priorities": [8], "States": ["DONE"]},
        "Sorter": {"Item": "priority", "Order": "descending"},
        "Paginator": {"ID": 1, "Direction": "forward", "Limit": 2},
    }


async def test_what_the_api_cannot_filter_is_refused(farm: Farm) -> None:
    where = RequestFilter(finished_after=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidError, match="finished_after"):
        await farm.requests.list_requests(farm.caller, where)


async def test_acquire_with_and_without_patience(farm: Farm, served: Served) -> None:
    served.board(1, "lab", caps={"board": "rpi4"})
    await farm.requests.new_request(farm.caller, PLAIN)
    access = await farm.requests.acquire_worker(farm.caller, 1)
    assert "prefer" not in sent(served, "reqs/1/acquire_worker")[0]
    assert (access.ip, access.port, access.username) == ("127.0.0.1", FIRST_PORT, "boruta-user")
    assert (access.key, access.host_key) == (FIRST_KEY, HOST_KEY)
    again = await farm.requests.acquire_worker(farm.caller, 1, timedelta(minutes=10))
    assert again == access
    assert sent(served, "reqs/1/acquire_worker")[0]["prefer"] == "wait=300"


async def test_prolong_returns_the_new_end(farm: Farm, served: Served) -> None:
    served.board(1, "lab", caps={"board": "rpi4"})
    await farm.requests.new_request(farm.caller, PLAIN)
    job = served.request(1).job
    assert job is not None
    end = await farm.requests.prolong_access(farm.caller, 1)
    assert end > job.timeout
    await farm.requests.keep_alive(farm.caller, 1)
    served.answers["prolong"] = [(503, {"message": "no", "Code": "agent-unreachable"})]
    with pytest.raises(AgentUnreachableError):
        await farm.requests.prolong_access(farm.caller, 1)


async def test_explain(farm: Farm) -> None:
    await farm.requests.new_request(farm.caller, PLAIN)
    found = await farm.requests.explain(farm.caller, 1)
    assert (found.position, found.matching) == (1, {})
    assert found.text == "no registered board has board=rpi4"
