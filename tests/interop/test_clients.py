"""What would break whom: a test for each row and each client that depends on it.

The server and the boards are the same for all; every test takes the board anew.
"""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from tests.interop.clients import Festral, Json, curl, go_call, go_calls
from tests.interop.goyard import GoYard, go_yard, idle, until

from boruta_farm.client.farm import Farm
from boruta_farm.model.worker import WorkerState

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOARD, GROUPED = (f"e1d8bb68-0000-4000-8000-00000000000{n}" for n in (1, 2))
VERSIONS = ("0.1.0", "0.2.x")
both_versions = pytest.mark.parametrize("version", VERSIONS)
CAPS = {"board": "lent"}
BANNER = "SSH-2.0-godryad\r\n"
UNSET = "0001-01-01T00:00:00Z"


class Scene:
    """A server with one board to lend and one with groups, and its clients."""

    def __init__(self, yard: GoYard, farm: Farm, program: Path) -> None:
        self.url = yard.url
        self.farm = farm
        self.program = program
        self.festral = Festral(yard.url)

    async def go(self, version: str, call: str, **given: Json) -> Json:
        """Make one call with the Go client."""
        return await go_call(self.program, version, self.url, call, **given)

    async def refused(self, version: str, call: str, **given: Json) -> str:
        """Make one call that fails and return what its caller reads."""
        (answer,) = await go_calls(self.program, version, self.url, {"Call": call, **given})
        return str(answer["Error"])

    async def running(self) -> int:
        """Return a request that has the board."""
        request_id = await self.go("0.2.x", "NewRequest", Caps=CAPS, Priority=4)
        while (await self.go("0.2.x", "GetRequestInfo", ID=request_id))["State"] == "WAITING":
            await until(self.farm, BOARD, WorkerState.RUNNING)
        return int(request_id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    godryad: Path, goclient: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("clients")
    async with go_yard(folder, godryad) as (yard, farm):
        await yard.add(BOARD, CAPS["board"])
        await yard.add(GROUPED, "grouped")
        await idle(farm, BOARD)
        yield Scene(yard, farm, goclient)


@asynccontextmanager
async def lent(scene: Scene) -> AsyncIterator[int]:
    """Hold the board for the block; afterwards it is IDLE again."""
    request_id = await scene.running()
    epoch = (await scene.farm.workers.get_worker_info(scene.farm.caller, BOARD)).epoch
    yield request_id
    await scene.go("0.2.x", "CloseRequest", ID=request_id)
    await until(scene.farm, BOARD, WorkerState.IDLE, above=epoch)


async def test_groups_as_array_festral(scene: Scene) -> None:
    await scene.go("0.2.x", "SetGroups", UUID=GROUPED, Groups=[])
    assert {each["WorkerUUID"] for each in await scene.festral.workers()} == {BOARD, GROUPED}
    raw = await curl(f"{scene.url}/api/v1/workers/")
    assert [each["Groups"] for each in raw.json] == [None, None]


@both_versions
async def test_groups_as_array_go(scene: Scene, version: str) -> None:
    await scene.go(version, "SetGroups", UUID=GROUPED, Groups=["b", "a"])
    found = {each["WorkerUUID"]: each for each in await scene.go(version, "ListWorkers")}
    assert (found[GROUPED]["Groups"], found[BOARD]["Groups"]) == (["a", "b"], None)
    await scene.go(version, "SetGroups", UUID=GROUPED, Groups=None)
    assert (await scene.go(version, "GetWorkerInfo", UUID=GROUPED))["Groups"] is None


async def test_null_in_place_of_an_empty_list_festral(scene: Scene) -> None:
    for path, body in (
        ("reqs", '{"Filter":{"States":["INVALID"]}}'),
        ("workers", '{"Filter":{"Capabilities":{"no":"such"}}}'),
    ):
        answer = await curl(f"{scene.url}/api/v1/{path}/list", "--json", body)
        assert (answer.status, answer.body) == (200, "[]")


@both_versions
async def test_null_in_place_of_an_empty_list_go(scene: Scene, version: str) -> None:
    old = {"OldWorkers": {"Groups": [], "Capabilities": {"no": "such"}}}
    new = {"Filter": {"Groups": None, "Capabilities": {"no": "such"}}}
    # Go's nil slice would print as null.
    assert await scene.go(version, "ListWorkers", **(old if version == "0.1.0" else new)) == []


@both_versions
async def test_host_name_in_the_address_go(scene: Scene, version: str) -> None:
    async with lent(scene) as request_id:
        access = await scene.go(version, "AcquireWorker", ID=request_id)
        assert (access["IP"], access["Zone"], access["Banner"]) == ("127.0.0.1", "", BANNER)


async def test_missing_zone_festral(scene: Scene) -> None:
    async with lent(scene) as request_id:
        access = await scene.festral.acquire(request_id)
        assert access is not None
        assert access["Addr"]["Zone"] == ""


@both_versions
async def test_key_in_the_old_form_go(scene: Scene, version: str) -> None:
    async with lent(scene) as request_id:
        access = await scene.go(version, "AcquireWorker", ID=request_id)
        assert (len(access["Modulus"]), access["Username"]) == (2048 // 4, "boruta-user")


async def test_key_in_the_old_form_festral(scene: Scene, tmp_path: Path) -> None:
    async with lent(scene) as request_id:
        access = await scene.festral.acquire(request_id)
        assert access is not None
        # Written to a file as it is: ssh wants the last line ended.
        key = tmp_path / "key"
        key.touch(0o600)
        key.write_text(access["Key"])
        read = await asyncio.create_subprocess_exec(
            *("ssh-keygen", "-y", "-f", key), stdout=subprocess.PIPE
        )
        public, _ = await read.communicate()
        assert public.startswith(b"ssh-rsa ")


async def test_in_progress_before_the_tunnel_and_with_null_job_weles(scene: Scene) -> None:
    worker = await scene.farm.workers.get_worker_info(scene.farm.caller, BOARD)
    process = await asyncio.create_subprocess_exec(
        *(scene.program, "weles", scene.url, "5", CAPS["board"]), stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert output.decode().count(BANNER.strip()) == 5
    await until(scene.farm, BOARD, WorkerState.IDLE, above=worker.epoch + 4)


async def test_in_progress_before_the_tunnel_festral(scene: Scene) -> None:
    request_id = await scene.festral.file({"Priority": 4, "Caps": CAPS})
    while (access := await scene.festral.acquire(request_id)) is None:
        await until(scene.farm, BOARD, WorkerState.RUNNING)
    reader, writer = await asyncio.open_connection("127.0.0.1", access["Addr"]["Port"])
    assert (await reader.read()).decode() == BANNER
    writer.close()
    epoch = (await scene.farm.workers.get_worker_info(scene.farm.caller, BOARD)).epoch
    await scene.festral.close(request_id)
    await until(scene.farm, BOARD, WorkerState.IDLE, above=epoch)


async def test_in_progress_with_null_job_go(scene: Scene) -> None:
    async with lent(scene) as request_id:
        listed = await scene.go("0.2.x", "ListRequests")
        assert next(each["Job"]["WorkerUUID"] for each in listed if each["ID"] == request_id)


async def test_no_list_headers_go(scene: Scene) -> None:
    for call, item in (("ListRequests", "Caps"), ("ListWorkers", "caps")):
        words = await scene.refused("0.2.x", call, Sorter={"Item": item, "Order": "ascending"})
        assert words != "couldn't find header: Boruta-List-Total"
        assert "invalid request: " in words
        assert isinstance(await scene.go("0.2.x", call), list)


@both_versions
async def test_charset_in_the_content_type_go(scene: Scene, version: str) -> None:
    assert await scene.refused(version, "GetRequestInfo", ID=4711) == "Request not found"
    words = await scene.refused(version, "NewRequest", Caps=CAPS, Priority=99)
    assert words.startswith("invalid request: ")
    assert "{" not in words


@both_versions
async def test_empty_content_type_go(scene: Scene, version: str) -> None:
    request_id = await scene.go(version, "NewRequest", Caps={"board": "none"}, Priority=16)
    await scene.go(version, "CloseRequest", ID=request_id)
    state = (await scene.go(version, "GetRequestInfo", ID=request_id))["State"]
    assert state == "CANCELLED"


async def test_missing_content_length_festral(scene: Scene) -> None:
    assert len(await scene.festral.workers()) == 2
    assert isinstance(await scene.festral.requests(), list)


async def test_form_type_festral(scene: Scene) -> None:
    answer = await scene.festral.deregister(BOARD)
    # The board is in use: what matters is that the call was understood.
    assert (answer.status, "MAINTENANCE" in answer.body) == (400, True), answer


@both_versions
async def test_authentication_required_go(scene: Scene, version: str) -> None:
    assert len(await scene.go(version, "ListWorkers")) == 2


async def test_authentication_required_festral(scene: Scene) -> None:
    assert len(await scene.festral.workers()) == 2


@both_versions
async def test_job_timeout_shorter_than_an_hour_go(scene: Scene, version: str) -> None:
    async with lent(scene) as request_id:
        job = (await scene.go(version, "GetRequestInfo", ID=request_id))["Job"]
        left = datetime.fromisoformat(job["Timeout"]) - datetime.now(UTC)
        assert timedelta(minutes=55) < left <= timedelta(hours=1)
        await scene.go(version, "ProlongAccess", ID=request_id)
        later = (await scene.go(version, "GetRequestInfo", ID=request_id))["Job"]["Timeout"]
        assert datetime.fromisoformat(later) > datetime.fromisoformat(job["Timeout"])


async def test_tunnel_port_elsewhere_festral(scene: Scene) -> None:
    async with lent(scene) as request_id:
        access = await scene.festral.acquire(request_id)
        assert access is not None
        host = re.sub(r"http://(.*):\d+", r"\1", scene.url)
        # The host of the answer is ignored there: the port has to be open at the server.
        reader, writer = await asyncio.open_connection(host, access["Addr"]["Port"])
        assert (await reader.read()).decode() == BANNER
        writer.close()
        again = await scene.festral.acquire(request_id)
        assert again == access
