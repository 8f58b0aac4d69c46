"""The agent under a server of the original system, which the test plays."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from boruta_farm.clock import SystemClock
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.fence import BoardFence
from boruta_farm.dryad.original import OriginalServer
from boruta_farm.dryad.state import AgentState, Phase
from boruta_farm.gorpc.client import RpcClient, call_once
from boruta_farm.gorpc.errors import DisconnectedError, ServerError
from boruta_farm.gorpc.keys import format_authorized_key, parse_authorized_key
from boruta_farm.gorpc.routes import RpcPeer, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import (
    HEALTHCHECK,
    PREPARE,
    PUT_IN_MAINTENANCE,
    REGISTER,
    SET_FAIL,
    PrepareRequest,
    PutInMaintenanceRequest,
    RegisterRequest,
    SetFailRequest,
)
from boruta_farm.link.backoff import Backoff
from boruta_farm.model.errors import ConfigError
from tests.dryad.boards import Board, FakeDriver, MemoryStore, Mood
from tests.ports import free_port

UUID = "e1d8bb68-0000-4000-8000-000000000001"
WITHIN = 60.0


class Original:
    """Play the server: what boards tell it comes out of ``told``, in order."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[RegisterRequest | SetFailRequest] = asyncio.Queue()
        self.refusal = "Worker not found"
        self.port = 0
        self._server = self._made()

    async def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        self._server = self._made()
        self.port = await self._server.listen_tcp("127.0.0.1", self.port)

    async def stop(self) -> None:
        """Leave, as a server that is restarted does."""
        await self._server.close()

    async def next(self) -> RegisterRequest | SetFailRequest:
        """Return what a board tells next."""
        async with asyncio.timeout(WITHIN):
            return await self.told.get()

    async def registered(self) -> RegisterRequest:
        """Return the next registration, whatever is told before."""
        while not isinstance(told := await self.next(), RegisterRequest):
            pass
        return told

    def _made(self) -> RpcServer:
        return RpcServer([route(REGISTER, self._register), route(SET_FAIL, self._set_fail)])

    async def _register(self, request: RegisterRequest, _peer: RpcPeer) -> Empty:
        self.told.put_nowait(request)
        return Empty()

    async def _set_fail(self, request: SetFailRequest, _peer: RpcPeer) -> Empty:
        self.told.put_nowait(request)
        raise ServerError(self.refusal)


class Quick(Backoff):
    """Wait hardly between registrations, so that the test need not."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.01)

    def slow(self) -> float:
        """Return a short time."""
        return 0.01


class Lab:
    """An agent with a board that is no hardware, and the server it belongs to."""

    def __init__(self) -> None:
        self.server = Original()
        self.driver = FakeDriver(Board())
        self.store = MemoryStore()
        self.fence = BoardFence(self.driver, self.store, SystemClock(), "boot-1")
        self.agent = ("127.0.0.1", free_port())

    def config(self) -> AgentConfig:
        """Return what the agent is told."""
        return AgentConfig(
            path=Path("dryad.conf"),
            caps={"UUID": UUID, "board": "fake"},
            server="",
            driver="fake",
            state_dir=Path("/nowhere"),
            listen_address="0.0.0.0:{1}".format(*self.agent),
            boruta_address=f"127.0.0.1:{self.server.port}",
        )

    async def prepare(self, line: str) -> None:
        """Have the board prepared as the server does."""
        key = PrepareRequest(key=parse_authorized_key(line))
        await call_once(self.agent, PREPARE, key, reply_timeout=WITHIN)


@asynccontextmanager
async def running(lab: Lab, backoff: Backoff | None = None) -> AsyncIterator[None]:
    """Run the agent for the block."""
    await lab.fence.start()
    address = lab.driver.ssh_address
    agent = asyncio.create_task(OriginalServer(lab.config(), lab.fence, address, backoff).serve())
    try:
        yield
        assert not agent.done()
    finally:
        agent.cancel()
        with suppress(asyncio.CancelledError):
            await agent
        await lab.fence.close()


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = Lab()
    await lab.server.start()
    yield lab
    await lab.server.stop()


@pytest.fixture
def line() -> str:
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


async def test_the_board_registers_as_the_originals_agent_does(lab: Lab) -> None:
    async with running(lab):
        told = await lab.server.registered()
    assert told.capabilities == {"UUID": UUID, "board": "fake"}
    assert told.dryad_address == ":{1}".format(*lab.agent)
    assert told.ssh_address == "127.0.0.1:2222"


async def test_a_preparation_leaves_nothing_of_the_session_before(lab: Lab, line: str) -> None:
    async with running(lab):
        await lab.server.registered()
        await lab.prepare(line)
        assert lab.driver.board.key == line
        lab.driver.board.log_in("a process")
        await lab.prepare(line)
        assert lab.driver.board.leftovers == set()
        assert lab.fence.state.epoch == 2


async def test_no_key_is_an_error_before_anything_is_touched(lab: Lab, line: str) -> None:
    async with running(lab):
        await lab.server.registered()
        await lab.prepare(line)
        with pytest.raises(ServerError, match="empty public key"):
            await call_once(lab.agent, PREPARE, PrepareRequest(key=None))
        assert lab.driver.board.key == line


async def test_maintenance_ends_the_session_and_shows_the_message(lab: Lab, line: str) -> None:
    async with running(lab):
        await lab.server.registered()
        await lab.prepare(line)
        request = PutInMaintenanceRequest(message="maintenance")
        await call_once(lab.agent, PUT_IN_MAINTENANCE, request, reply_timeout=WITHIN)
        assert (lab.driver.board.key, lab.driver.board.notice) == (None, "maintenance")


async def test_a_health_check_is_the_drivers_and_disturbs_nobody(lab: Lab, line: str) -> None:
    async with running(lab):
        await lab.server.registered()
        await lab.prepare(line)
        await call_once(lab.agent, HEALTHCHECK, Empty(), reply_timeout=WITHIN)
        assert lab.driver.calls[-1] == "healthcheck"
        assert lab.driver.board.key == line


async def test_a_failing_board_says_why(lab: Lab, line: str) -> None:
    async with running(lab):
        await lab.server.registered()
        lab.driver.mood = Mood.FAILS
        with pytest.raises(ServerError, match="clean failed"):
            await lab.prepare(line)


async def test_it_registers_again_and_again(lab: Lab) -> None:
    async with running(lab, Quick()):
        for _ in range(3):
            await lab.server.registered()


async def test_it_registers_with_a_server_that_comes_back(lab: Lab, line: str) -> None:
    async with running(lab):
        await lab.server.registered()
        await lab.prepare(line)
        await lab.server.stop()
        await lab.server.start()
        # With a session open nothing is reported: the lost connection changes nothing for it.
        assert isinstance(await lab.server.next(), RegisterRequest)
        assert lab.driver.board.key == line


async def test_a_board_whose_session_is_lost_is_reported_before_it_registers(lab: Lab) -> None:
    lab.store.state = AgentState(boot_id="an earlier boot", epoch=4, phase=Phase.PREPARED)
    async with running(lab):
        told = await lab.server.next()
        assert isinstance(told, SetFailRequest)
        assert (told.uuid, "must be prepared" in told.reason) == (UUID, True)
        await lab.server.registered()


async def test_a_session_lives_through_a_restart_of_the_agent(lab: Lab, line: str) -> None:
    async with running(lab):
        await lab.server.registered()
        await lab.prepare(line)
    lab.fence = BoardFence(lab.driver, lab.store, SystemClock(), "boot-1")
    async with running(lab):
        assert isinstance(await lab.server.next(), RegisterRequest)
        assert lab.driver.board.key == line


async def test_the_session_of_another_farm_does_not_live_on(lab: Lab) -> None:
    lab.driver.board.session, lab.driver.board.key = True, "ssh-ed25519 OTHER"
    lab.store.state = AgentState(
        boot_id="boot-1", epoch=9, phase=Phase.PREPARED, farm_id="a farm", key="ssh-ed25519 OTHER"
    )
    async with running(lab):
        await lab.server.registered()
        assert lab.driver.board.key is None


async def test_only_the_server_may_call(
    lab: Lab, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(lab):
        await lab.server.registered()
        await lab.prepare(line)
        streams = await asyncio.open_connection(*lab.agent, local_addr=("127.0.0.2", 0))
        with caplog.at_level(logging.WARNING):
            async with RpcClient(*streams) as stranger:
                request = PrepareRequest(key=parse_authorized_key(line))
                with pytest.raises(DisconnectedError):
                    await stranger.call(PREPARE, request, timeout=WITHIN)
        assert "refusing the Go RPC connection of 127.0.0.2" in caplog.text
        assert lab.fence.state.epoch == 1


async def test_an_address_that_is_taken_stops_the_start(lab: Lab) -> None:
    async with RpcServer([]) as other:
        lab.agent = ("127.0.0.1", await other.listen_tcp("0.0.0.0", 0))
        agent = OriginalServer(lab.config(), lab.fence, ":22")
        with pytest.raises(ConfigError, match="listen_address"):
            await agent.serve()


def test_keys_travel_as_they_are(line: str) -> None:
    assert format_authorized_key(parse_authorized_key(line)).rstrip() == line
