import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from boruta_farm.clock import VirtualClock
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.gorpc.client import RpcClient, connect
from boruta_farm.gorpc.errors import ServerError
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import REGISTER, SET_FAIL, RegisterRequest, SetFailRequest
from boruta_farm.gorpc.superviser import GoSuperviser
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.events import Event, EventKind
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Registration, Worker, WorkerState
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.boards import SimulatedBoards
from boruta_farm.testing.simulation import PlainCipher

UUID = "e1d8bb68-0000-4000-8000-000000000001"
OWN_PORT = 8487


class Yard:
    """A farm, its listener, and one connection to it from 127.0.0.1."""

    def __init__(
        self, farm: AssembledFarm, store: SqliteStore, client: RpcClient, port: int
    ) -> None:
        self.farm = farm
        self._store = store
        self.port = port
        self._client = client

    async def register(
        self,
        dryad: str = ":7175",
        ssh: str = ":22",
        caps: Mapping[str, str] | None = None,
    ) -> str:
        """Register a board; return the error's text, empty when there is none."""
        request = RegisterRequest(
            capabilities={"UUID": UUID} if caps is None else caps,
            dryad_address=dryad,
            ssh_address=ssh,
        )
        try:
            await self._client.call(REGISTER, request, timeout=10)
        except ServerError as error:
            return str(error)
        return ""

    async def set_fail(self, uuid: str) -> str:
        """Report a failure; return the error's text."""
        try:
            await self._client.call(SET_FAIL, SetFailRequest(uuid=uuid, reason="hot"), timeout=10)
        except ServerError as error:
            return str(error)
        return ""

    async def events(self) -> tuple[Event, ...]:
        """Return what was told of it all."""
        return await self._store.events(0, 100)

    async def worker(self) -> Worker:
        """Return the board's record."""
        return await self.farm.workers.get_worker_info(LOCAL_ADMIN, UUID)


@asynccontextmanager
async def listening(folder: Path, allow: str = "192.0.2.0/24") -> AsyncIterator[Yard]:
    clock, settings = VirtualClock(), FarmSettings()
    store = SqliteStore(folder / "farm.db", clock, settings, inline=True)
    await store.start()
    farm = AssembledFarm(store, settings, clock, PlainCipher(), SimulatedBoards(clock))
    superviser = GoSuperviser(
        farm.superviser,
        farm.workers,
        farm.reports,
        allow=[ipaddress.ip_network(allow)],
        own_ports=lambda port: port == OWN_PORT,
    )
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    try:
        await superviser.listen(bound)
        async with await connect(("127.0.0.1", port)) as client:
            yield Yard(farm, store, client, port)
    finally:
        await superviser.close()
        await store.close()


async def test_board_is_registered_without_a_fence(tmp_path: Path) -> None:
    async with listening(tmp_path) as yard:
        assert await yard.register(caps={"UUID": UUID, "arch": "arm"}) == ""
        worker = await yard.worker()
    assert (worker.state, worker.fence) == (WorkerState.MAINTENANCE, Fence.NONE)
    assert worker.caps == {"UUID": UUID, "arch": "arm"}
    assert (worker.dryad_address, worker.ssh_address) == ("127.0.0.1:7175", "127.0.0.1:22")


@pytest.mark.parametrize(
    ("dryad", "ssh", "caps", "words"),
    [
        ("", ":22", None, "dryadAddress can't be empty"),
        (":7175", "", None, "sshAddress can't be empty"),
        (":7175", ":", None, "Port is missing from address"),
        (":7175", ":22", {}, "Capabilities are missing UUID entry"),
    ],
)
async def test_refusals_have_the_original_words(
    tmp_path: Path, dryad: str, ssh: str, caps: dict[str, str] | None, words: str
) -> None:
    async with listening(tmp_path) as yard:
        assert await yard.register(dryad, ssh, caps) == words


async def test_board_may_not_name_a_strangers_address(tmp_path: Path) -> None:
    async with listening(tmp_path) as yard:
        assert "calls from" in await yard.register(dryad="203.0.113.5:7175")
        assert "calls from" in await yard.register(ssh="203.0.113.5:22")
        assert await yard.register(ssh="192.0.2.5:22") == ""
        assert (await yard.worker()).ssh_address == "192.0.2.5:22"


async def test_the_servers_own_ports_are_refused(tmp_path: Path) -> None:
    async with listening(tmp_path) as yard:
        for port in (OWN_PORT, yard.port):
            assert "this server itself" in await yard.register(ssh=f":{port}")
            assert "this server itself" in await yard.register(dryad=f":{port}")


async def test_second_board_is_refused_while_the_first_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(tmp_path) as yard:
        async with RpcServer([]) as first:
            port = await first.listen_tcp("127.0.0.1", 0)
            assert await yard.register(dryad=f":{port}") == ""
            assert await yard.register(dryad=f":{port}") == ""
            words = await yard.register(dryad="192.0.2.5:7175")
            assert "belongs to the board at 127.0.0.1" in words
            assert "refused the registration" in caplog.text
            assert words == await yard.register(dryad="192.0.2.5:7175")
            told = [e for e in await yard.events() if e.kind is EventKind.WORKER_DISPUTED]
            assert [(e.worker, e.state, e.reason) for e in told] == [(UUID, "MAINTENANCE", words)]
            assert (await yard.worker()).dryad_address == f"127.0.0.1:{port}"
        assert await yard.register(dryad="192.0.2.5:7175") == ""
        assert (await yard.worker()).dryad_address == "192.0.2.5:7175"


async def test_of_two_boards_that_claim_a_uuid_at_once_one_is_refused(tmp_path: Path) -> None:
    async with listening(tmp_path) as yard, RpcServer([]) as one, RpcServer([]) as two:
        ports = [await each.listen_tcp("127.0.0.1", 0) for each in (one, two)]
        words = await asyncio.gather(*(yard.register(dryad=f":{port}") for port in ports))
        assert sorted(bool(each) for each in words) == [False, True]


async def test_board_of_our_agent_cannot_be_taken_over(tmp_path: Path) -> None:
    async with listening(tmp_path) as yard:
        await yard.farm.superviser.register(
            Registration(
                caps={"UUID": UUID},
                dryad_address="127.0.0.1:7175",
                ssh_address="127.0.0.1:22",
                fence=Fence.AGENT,
                credential="hash",
            )
        )
        assert "has none" in await yard.register()
        assert [e.kind for e in await yard.events()][-1] is EventKind.WORKER_DISPUTED
        assert "its own failure" in await yard.set_fail(UUID)
        assert (await yard.worker()).fence is Fence.AGENT


async def test_board_reports_its_own_failure_only(tmp_path: Path) -> None:
    async with listening(tmp_path) as yard:
        assert await yard.set_fail(UUID) == "Worker not found"
        assert await yard.register() == ""
        assert await yard.set_fail(UUID) == (
            "It is forbidden to set FAIL state when Worker is in MAINTENANCE state"
        )
        await yard.farm.workers.set_state(LOCAL_ADMIN, UUID, WorkerState.IDLE)
        assert await yard.set_fail(UUID) == ""
        worker = await yard.worker()
        assert (worker.state, worker.reason) == (WorkerState.FAILED, "hot")


async def test_nobody_reports_the_failure_of_another_address(tmp_path: Path) -> None:
    async with listening(tmp_path) as yard:
        await yard.farm.superviser.register(
            Registration(
                caps={"UUID": UUID},
                dryad_address="203.0.113.5:7175",
                ssh_address="203.0.113.5:22",
                fence=Fence.NONE,
            )
        )
        await yard.farm.workers.set_state(LOCAL_ADMIN, UUID, WorkerState.IDLE)
        assert "its own failure" in await yard.set_fail(UUID)
        assert (await yard.worker()).state is WorkerState.PREPARE
