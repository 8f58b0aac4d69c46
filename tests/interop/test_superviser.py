"""Our server as Go's client sees it: every method of ``Superviser``, its words, odd UUIDs."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio
from tests.interop.clients import curl
from tests.interop.goyard import GoYard, go_yard
from tests.interop.peers import go_client
from tests.interop.wirejson import line

from boruta_farm.client.farm import Farm
from boruta_farm.model.worker import Fence, WorkerState

pytestmark = pytest.mark.asyncio(loop_scope="module")

DONE: dict[str, object] = {"Reply": {}}
REGISTER, SET_FAIL = "Superviser.Register", "Superviser.SetFail"


class Scene:
    """A server, and Go's client for it."""

    def __init__(self, yard: GoYard, farm: Farm, peer: Path) -> None:
        self.farm = farm
        self.url = yard.url
        self.api_port = yard.port
        self.rpc_port = int(yard.rpc.rpartition(":")[2])
        self._peer = peer

    async def call(self, *calls: str) -> list[dict[str, object]]:
        """Make calls over one connection."""
        return await go_client(self._peer, "call", ("127.0.0.1", self.rpc_port), calls)

    async def register(self, uuid: str, dryad: str = ":7175", ssh: str = ":22") -> object:
        """Register a board; return the error's text, None when there is none."""
        argument = {"Caps": {"UUID": uuid}, "DryadAddress": dryad, "SshAddress": ssh}
        (answer,) = await self.call(line(REGISTER, argument))
        return answer.get("Error")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    godryad: Path, peer: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    async with go_yard(tmp_path_factory.mktemp("superviser"), godryad) as (yard, farm):
        yield Scene(yard, farm, peer)


async def test_superviser_register(scene: Scene) -> None:
    uuid = "e1d8bb68-0000-4000-8000-000000000001"
    assert await scene.register(uuid, ":1", "127.0.0.1:2") is None
    worker = await scene.farm.workers.get_worker_info(scene.farm.caller, uuid)
    assert (worker.state, worker.fence, worker.groups) == (
        WorkerState.MAINTENANCE,
        Fence.NONE,
        (),
    )


async def test_superviser_set_fail(scene: Scene) -> None:
    uuid = "e1d8bb68-0000-4000-8000-000000000002"
    assert await scene.register(uuid) is None
    answers = await scene.call(
        line(SET_FAIL, {"Uuid": uuid, "Reason": "hot"}),
        line(SET_FAIL, {"Uuid": "nobody", "Reason": "hot"}),
    )
    assert [answer["Error"] for answer in answers] == [
        "It is forbidden to set FAIL state when Worker is in MAINTENANCE state",
        "Worker not found",
    ]


async def test_refusals_are_worded_as_the_originals(scene: Scene) -> None:
    caps = {"UUID": "e1d8bb68-0000-4000-8000-000000000003"}
    answers = await scene.call(
        line(REGISTER, {"Caps": {}, "DryadAddress": ":7175", "SshAddress": ":22"}),
        line(REGISTER, {"Caps": caps, "SshAddress": ":22"}),
        line(REGISTER, {"Caps": caps, "DryadAddress": ":7175"}),
        line(REGISTER, {"Caps": caps, "DryadAddress": "127.0.0.1", "SshAddress": ":22"}),
        line("Superviser.Deregister", {}),
        line(REGISTER, {"Caps": caps, "DryadAddress": ":7175", "SshAddress": ":22"}),
    )
    assert [answer.get("Error") for answer in answers] == [
        "Capabilities are missing UUID entry",
        "dryadAddress can't be empty",
        "sshAddress can't be empty",
        "Port is missing from address",
        "rpc: can't find method Superviser.Deregister",
        None,
    ]


async def test_a_board_names_its_own_address_only(scene: Scene) -> None:
    uuid = "e1d8bb68-0000-4000-8000-000000000004"
    assert "calls from" in str(await scene.register(uuid, "192.0.2.1:7175"))
    for own in (scene.api_port, scene.rpc_port):
        assert "port of this server" in str(await scene.register(uuid, ssh=f":{own}"))


@pytest.mark.parametrize(
    "uuid",
    [
        "E1D8BB68-0000-4000-8000-0000000000AA",
        "board 7",
        "{e1d8bb68-0000-4000-8000-000000000005}",
        "w\N{LATIN SMALL LETTER O WITH DIAERESIS}rker",
        "rack/3",
    ],
)
async def test_any_uuid_is_taken_and_reachable_by_its_text(scene: Scene, uuid: str) -> None:
    assert await scene.register(uuid) is None
    path = f"{scene.url}/api/v1/workers/{quote(uuid, safe='')}"
    shown = await curl(path)
    # One board has one spelling: a UUID is kept in small letters, and found in any.
    assert (shown.status, shown.json["WorkerUUID"].lower()) == (200, uuid.lower())
    other = await curl(f"{path}x")
    assert other.status == 400
    assert other.json["message"] == "invalid request: ID provided in URL isn't valid UUID"
    gone = await curl(f"{path}/deregister", "-X", "POST")
    assert gone.status == 204
    assert (await curl(path)).status == 400
