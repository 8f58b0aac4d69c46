"""Several real servers over one PostgreSQL, with boards whose agents know them all."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from boruta_farm.access.cipher import KEY_FILE
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.session import wait_for_board
from boruta_farm.demo.boards import DemoBoard
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import AccessInfo, WorkerState
from boruta_farm.testing.ports import some_ports
from tests.e2e.stage import CAPS, WITHIN, Yard, gone
from tests.ports import free_port

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


@dataclass(frozen=True, slots=True)
class Replica:
    """Hold one server and a client of it."""

    yard: Yard
    farm: Farm
    url: str


class Site:
    """Hold the servers of one farm, in the order in which they were started."""

    def __init__(
        self, folder: Path, database: str, stack: AsyncExitStack, settings: Mapping[str, str]
    ) -> None:
        self.replicas: list[Replica] = []
        self._settings = settings
        self.folder = folder
        self._stack = stack
        self._database = database
        self.ports = [free_port() for _ in HOSTS]
        self.boards: dict[str, Yard] = {}
        """What runs the agents, by the boards' names."""
        self.known_as: dict[str, str] = {}
        """The boards' UUIDs, by their names."""
        # The same everywhere: a board's port is its own on every server's address.
        self._tunnels = "-".join(map(str, some_ports()))

    def url(self, place: int) -> str:
        return f"http://{HOSTS[place]}:{self.ports[place]}"

    async def add(self, **settings: str) -> Replica:
        """Start one more server, with settings of its own; it seals with the first one's key."""
        place = len(self.replicas)
        folder = self.folder / f"server-{place}"
        folder.mkdir()
        if place:
            (folder / "server").mkdir(mode=0o700)
            shutil.copy2(self.folder / "server-0" / "server" / KEY_FILE, folder / "server")
        yard = self.yard(place, settings)
        self._stack.push_async_callback(yard.end)
        await yard.begin()
        config = ClientConfig(server=self.url(place))
        farm = await self._stack.enter_async_context(connect(config))
        replica = Replica(yard, farm, config.server)
        self.replicas.append(replica)
        return replica

    def yard(self, place: int, settings: Mapping[str, str] | None = None) -> Yard:
        """Return what starts a server with the settings of its place."""
        return Yard(
            self.folder / f"server-{place}",
            self.ports[place],
            {
                "api_addr": f"{HOSTS[place]}:{self.ports[place]}",
                "database": self._database,
                "tunnel_ports": self._tunnels,
                **self._settings,
                **(settings or {}),
            },
        )

    async def board(self, name: str) -> None:
        """Start an agent that knows all servers there may be, and take its board into service."""
        folder = self.folder / "boards"
        folder.mkdir(exist_ok=True)
        yard = Yard(folder, 0, {})
        self._stack.push_async_callback(yard.end)
        others = tuple(self.url(place) for place in range(1, len(HOSTS)))
        board = DemoBoard(
            name=name, caps=CAPS, driver="sandbox", settings={"other_servers": others}
        )
        self.boards[name], self.known_as[name] = yard, str(uuid.uuid4())
        await yard.start_agent(board, self.url(0), self.known_as[name])
        farm = self.replicas[0].farm
        await until(farm, name, WorkerState.MAINTENANCE)
        await farm.workers.set_state(farm.caller, name, WorkerState.IDLE)
        await until(farm, name, WorkerState.IDLE)


@asynccontextmanager
async def site(folder: Path, database: str, **settings: str) -> AsyncIterator[Site]:
    """Hold a farm for the block, still without servers; ``settings`` are those of each."""
    async with AsyncExitStack() as stack:
        yield Site(folder, database, stack, settings)
    await gone(folder)


async def until(farm: Farm, name: str, state: WorkerState) -> None:
    """Return once a server says that a board is in a state."""
    async with asyncio.timeout(WITHIN), farm.watch() as happenings:
        async for _ in happenings:
            workers = (await farm.workers.list_workers(farm.caller)).items
            if any(worker.name == name and worker.state is state for worker in workers):
                return


async def lend(farm: Farm) -> tuple[int, AccessInfo]:
    """Borrow the board through one server."""
    filed = await farm.requests.new_request(farm.caller, NewRequest(caps=CAPS, priority=8))
    async with asyncio.timeout(WITHIN):
        await wait_for_board(farm, filed.id)
    return filed.id, await farm.requests.acquire_worker(farm.caller, filed.id)


async def leads(replica: Replica) -> bool:
    """Tell whether a server says that it leads."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{replica.url}/metrics", timeout=WITHIN)
    return "\nboruta_leader 1.0\n" in answer.text
