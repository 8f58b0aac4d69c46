"""What each client does from start to end, as it does it."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from tests.interop.clients import Festral, Json, curl, go_calls
from tests.interop.goyard import Board, GoYard, go_yard, until

from boruta_farm.client.farm import Farm
from boruta_farm.model.worker import WorkerState

pytestmark = pytest.mark.asyncio(loop_scope="module")

UUIDS = [f"e1d8bb68-0000-4000-8000-00000000001{n}" for n in range(3)]


class Scene:
    """A server whose boards belong to one test each."""

    def __init__(self, yard: GoYard, farm: Farm, boards: list[Board], program: Path) -> None:
        self.url = yard.url
        self.farm = farm
        self.boards = boards
        self.program = program


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    godryad: Path, goclient: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("flows")
    async with go_yard(folder, godryad) as (yard, farm):
        boards = [await yard.add(uuid, f"kind-{place}") for place, uuid in enumerate(UUIDS)]
        yield Scene(yard, farm, boards, goclient)


async def test_weles(scene: Scene) -> None:
    board, farm = scene.boards[0], scene.farm
    await farm.workers.set_state(farm.caller, board.uuid, WorkerState.IDLE)
    process = await asyncio.create_subprocess_exec(
        *(scene.program, "weles", scene.url, "2", "kind-0"), stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    for line in output.splitlines():
        job = json.loads(line)
        assert job["Modulus"] == await board.prepared()
        assert (job["Username"], job["Banner"]) == ("boruta-user", "SSH-2.0-godryad\r\n")
        assert job["Seconds"] > 3500


async def test_every_helper_of_the_go_client(scene: Scene) -> None:
    """Use all of 0.2.x, the four that never worked against the original and SetState included."""
    board, farm = scene.boards[1], scene.farm

    async def call(name: str, **given: Json) -> Json:
        (answer,) = await go_calls(scene.program, "0.2.x", scene.url, {"Call": name, **given})
        assert "Error" not in answer, (name, answer)
        return answer.get("Result")

    version = await call("Version")
    assert (version["API"], version["State"]) == ("v1", "devel")
    assert await call("GetWorkerState", UUID=board.uuid) == "MAINTENANCE"
    await call("SetState", UUID=board.uuid, State="IDLE")
    await until(farm, board.uuid, WorkerState.IDLE)
    later = datetime.now(UTC) + timedelta(hours=2)
    request_id = await call(
        "NewRequest",
        Caps={"board": "kind-1"},
        Priority=5,
        Groups=["ignored"],
        ValidAfter=(later - timedelta(hours=1)).isoformat(),
        Deadline=later.isoformat(),
    )
    assert await call("GetRequestState", ID=request_id) == "WAITING"
    await call("UpdateRequest", ID=request_id, Priority=3)
    listed = await call(
        "ListRequests",
        Filter={"IDs": [request_id], "Priorities": None, "States": ["WAITING"]},
        Sorter={"Item": "id", "Order": "descending"},
        Paginator={"ID": 0, "Direction": "forward", "Limit": 10},
    )
    assert [(each["ID"], each["Priority"], each["Job"]) for each in listed] == [
        (request_id, 3, None)
    ]
    # Valid from now on: the zero time leaves the deadline as it is.
    await call("UpdateRequest", ID=request_id, ValidAfter=datetime.now(UTC).isoformat())
    await until(farm, board.uuid, WorkerState.RUNNING)
    assert await call("GetRequestState", ID=request_id) == "IN PROGRESS"
    first = await call("GetJobTimeout", ID=request_id)
    assert (await call("AcquireWorker", ID=request_id))["Banner"] == "SSH-2.0-godryad\r\n"
    await call("ProlongAccess", ID=request_id)
    assert await call("GetJobTimeout", ID=request_id) >= first
    info = await call("GetRequestInfo", ID=request_id)
    assert (info["Job"]["WorkerUUID"], info["Owner"]["Groups"]) == (board.uuid, None)
    await call("CloseRequest", ID=request_id)
    assert await call("GetRequestState", ID=request_id) == "DONE"
    await call("SetGroups", UUID=board.uuid, Groups=["b", "a"])
    shown = await call("GetWorkerInfo", UUID=board.uuid)
    assert (shown["Groups"], shown["Caps"]["board"]) == (["a", "b"], "kind-1")
    filters = {"Groups": ["a"], "Capabilities": {"board": "kind-1"}}
    workers = await call("ListWorkers", Filter=filters)
    assert [each["WorkerUUID"] for each in workers] == [board.uuid]
    await call("SetState", UUID=board.uuid, State="MAINTENANCE")
    await until(farm, board.uuid, WorkerState.MAINTENANCE)
    await call("Deregister", UUID=board.uuid)
    (gone,) = await go_calls(
        scene.program, "0.2.x", scene.url, {"Call": "GetWorkerInfo", "UUID": board.uuid}
    )
    assert gone == {"Error": "Worker not found"}


async def test_the_filters_of_version_0_1_0_are_honoured(scene: Scene) -> None:
    caps = {"board": "of no kind"}
    low, high, listed, workers = await go_calls(
        scene.program,
        "0.1.0",
        scene.url,
        {"Call": "NewRequest", "Caps": caps, "Priority": 11},
        {"Call": "NewRequest", "Caps": caps, "Priority": 3},
        {"Call": "ListRequests", "Old": {"State": "WAITING", "Priority": "11"}},
        {"Call": "ListWorkers", "OldWorkers": {"Capabilities": {"board": "kind-0"}}},
    )
    assert [each["ID"] for each in listed["Result"]] == [low["Result"]]
    assert high["Result"] == low["Result"] + 1
    assert [each["WorkerUUID"] for each in workers["Result"]] == [UUIDS[0]]


async def test_festral(scene: Scene) -> None:
    board, farm = scene.boards[2], scene.farm
    festral = Festral(scene.url)
    assert (await festral.set_state(board.uuid, "IDLE")).status == 204
    await until(farm, board.uuid, WorkerState.IDLE)
    found = {each["WorkerUUID"]: each for each in await festral.workers()}
    assert found[board.uuid]["State"] == "IDLE"
    now = datetime.now(UTC)
    wanted = {
        "Deadline": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "ValidAfter": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "Priority": 4,
        "Caps": {"UUID": board.uuid},
    }
    request_id = await festral.file(wanted)
    while (access := await festral.acquire(request_id)) is None:
        await until(farm, board.uuid, WorkerState.RUNNING)
    assert access["Key"].endswith("\n")
    # The force mode takes a running request of the wanted board and acquires it again.
    running = [r for r in await festral.requests() if r["State"] == "IN PROGRESS"]
    assert [r["ID"] for r in running if r["Job"]["WorkerUUID"] == board.uuid] == [request_id]
    assert await festral.acquire(request_id) == access
    await festral.close(request_id)
    states = {r["ID"]: r["State"] for r in await festral.requests()}
    assert states[request_id] == "DONE"
    assert (await festral.set_state(board.uuid, "MAINTENANCE")).status == 204
    await until(farm, board.uuid, WorkerState.MAINTENANCE)
    assert (await festral.deregister(board.uuid)).status == 204
    assert await festral.acquire(4711) is None


async def test_a_person_with_curl(scene: Scene) -> None:
    api = f"{scene.url}/api/v1"
    made = await curl(f"{api}/reqs/", "--json", '{"priority":4,"Caps":{"board":"none"}}')
    assert made.status == 201
    shown = (await curl(f"{api}/reqs/{made.json['ReqID']}")).json
    assert (shown["State"], shown["Priority"]) == ("WAITING", 4)
    early = await curl(f"{api}/reqs/{made.json['ReqID']}/acquire_worker", "-X", "POST")
    assert (early.status, early.json["message"]) == (400, "invalid request: worker not assigned")
    moved = await curl(f"{scene.url}/api/workers", "--head")
    assert moved.status == 308
    assert "location: /api/v1/workers\r\n" in moved.body.lower()
    closed = await curl(f"{api}/reqs/{made.json['ReqID']}/close", "-X", "POST")
    assert (closed.status, closed.body) == (204, "")
