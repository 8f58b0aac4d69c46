"""A real farm in this process: server and agents in a thread, boards that OpenSSH reaches."""

import asyncio
import json
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, NoReturn

from boruta_farm.access.link import stop_relay
from boruta_farm.access.listening import listen
from boruta_farm.client.blocking import Bridge
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.watch import Lost
from boruta_farm.dryad import agent
from boruta_farm.dryad import config as agents
from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.permission import Role
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.server import config as servers
from boruta_farm.server.assembly import Server
from boruta_farm.server.main import BACKLOG, HttpServer
from boruta_farm.testing.device import SIMULATED
from boruta_farm.testing.ports import some_ports

HOST: Final = "127.0.0.1"
STARTS_WITHIN: Final = 60.0
KEYS_READY: Final = 2
SERVER: Final = "server"
"""The server's folder."""
NO_SETTINGS: Final[Mapping[str, object]] = MappingProxyType({})
NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBoard:
    """Describe a board of a local farm: a sandbox, with a simulated device unless told otherwise.

    ``tools`` are the tables below ``[tools]`` of its agent's configuration.
    """

    name: str = "rpi4"
    caps: Mapping[str, str] = field(default_factory=lambda: {"board": "rpi4", "arch": "arm64"})
    tools: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: SIMULATED)

    def configuration(self, server: str, folder: Path) -> str:
        """Return the text of its agent's configuration; ``folder`` keeps the agent's state."""
        top = {"server": server, "name": self.name, "driver": "sandbox", "state_dir": str(folder)}
        tables: dict[str, Mapping[str, str]] = {
            "caps": {"UUID": str(uuid.uuid4()), **self.caps},
            **{f"tools.{name}": keys for name, keys in self.tools.items()},
        }
        parts = [_lines(top), *(f"[{name}]\n{_lines(keys)}" for name, keys in tables.items())]
        return "\n".join(parts)


class LocalFarm:
    """A running farm; made by ``farm``.

    ``config`` is how its admin, or on a farm without users anybody, reaches it.
    """

    def __init__(self, held: "_Running", bridge: Bridge) -> None:
        self._held = held
        self._bridge = bridge

    @property
    def address(self) -> str:
        """Return where the server serves, such as ``http://127.0.0.1:40123``."""
        return self._held.address

    @property
    def config(self) -> ClientConfig:
        """Return address and token, for ``borrow(..., config=farm.config)``."""
        return self._held.config

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables by which programs of ours find this farm."""
        token = self.config.token
        return {"BORUTA_SERVER": self.address, **({} if token is None else {"BORUTA_TOKEN": token})}

    def boards(self) -> tuple[Worker, ...]:
        """Return the boards as the farm shows them, by name."""
        return self._bridge.run(self._held.boards())

    def add(self, board: LocalBoard) -> Worker:
        """Start one more board and return it once it is IDLE."""
        return self._bridge.run(self._held.add(board))

    def settle(self) -> None:
        """Return once no board is being cleaned, prepared or lent: all are IDLE or set aside."""
        self._bridge.run(self._held.settle())

    def set_aside(self, board: str, reason: str = "") -> None:
        """Put a board, by its name, into MAINTENANCE, which makes a running job FAILED.

        It is cleaned on the way there; ``settle`` returns once it is.
        """
        self._bridge.run(self._held.set_aside(board, reason))

    def take_back(self, board: str) -> None:
        """Make a board that was set aside IDLE again, and return once it is."""
        self._bridge.run(self._held.take_back(board))

    def user(self, name: str, groups: Sequence[str] = ()) -> ClientConfig:
        """Make an account, and return how it reaches the farm; for a farm with ``users``."""
        return self._bridge.run(self._held.user(name, groups))

    @contextmanager
    def connected(self) -> Iterator[tuple[Farm, Bridge]]:
        """Lend a connection for all that the API offers, and what runs its calls.

        ``with farm.connected() as (api, bridge): bridge.run(api.requests.list_requests(...))``.
        """
        with self._bridge.enter(connect(self.config)) as api:
            yield api, self._bridge

    def stop_server(self) -> None:
        """Stop the server as SIGTERM does; boards, their sessions and the data stay."""
        self._bridge.run(self._held.stop_server())

    def start_server(self) -> None:
        """Start the server again, on its port and its data."""
        self._bridge.run(self._held.start_server())


@contextmanager
def farm(
    *boards: LocalBoard,
    users: bool = False,
    settings: Mapping[str, object] = NO_SETTINGS,
) -> Iterator[LocalFarm]:
    """Run a farm for the block and leave nothing behind.

    It is the real one: server, database, relay and agents; its boards are sandboxes (processes of
    this machine, which protect nothing), by default one called ``rpi4`` with a simulated device.
    They are IDLE when the block begins. ``settings`` are the server's, as its file has them;
    ``users`` has every call ask for a token. Needs ``pip install 'boruta-farm[server]'`` and
    OpenSSH's client. Raises BorutaError.
    """
    with Bridge() as bridge, bridge.enter(_running(boards, users, settings)) as held:
        yield LocalFarm(held, bridge)


@asynccontextmanager
async def _running(
    boards: Sequence[LocalBoard], users: bool, settings: Mapping[str, object]
) -> AsyncIterator["_Running"]:
    # Sockets lie in the folder, and their paths may not be long.
    folder = Path(tempfile.mkdtemp(prefix="boruta-", dir=_short_folder()))
    held = _Running(folder, users, settings)
    try:
        async with asyncio.timeout(STARTS_WITHIN):
            await held.start_server()
            for board in boards or (LocalBoard(),):
                held.start_agent(board)
            await held.settle()
        yield held
    finally:
        await held.end()
        shutil.rmtree(folder)


def _short_folder() -> str | None:
    """Return a folder for temporary files with a path that leaves room for sockets' names."""
    usual = tempfile.gettempdir()
    return "/tmp" if len(usual) > 40 else usual


class _Running:
    """The parts of a running farm, on the loop of its thread."""

    def __init__(self, folder: Path, users: bool, settings: Mapping[str, object]) -> None:
        self._folder = folder
        self._port = 0
        self._settings: dict[str, object] = {
            "data": str(folder / SERVER),
            "keys_ready": KEYS_READY,
            "stream_addr": f"{HOST}:0",
            "tunnel_ports": "-".join(map(str, some_ports())),
            "users": users,
            **settings,
        }
        self._serving: AsyncExitStack | None = None
        self._agents: dict[str, asyncio.Task[NoReturn]] = {}
        self._set_aside: set[str] = set()
        self.config = ClientConfig()
        self._stack = AsyncExitStack()
        self._api: Farm | None = None

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def api(self) -> Farm:
        assert self._api is not None, "the server has started"
        return self._api

    async def start_server(self) -> None:
        if self._serving is not None:
            return
        async with AsyncExitStack() as stack:
            listener = stack.enter_context(listen(HOST, self._port, BACKLOG))
            self._port = listener.getsockname()[1]
            given = {**self._settings, "api_addr": f"{HOST}:{self._port}"}
            config = servers.load(None, {}, given)
            server = Server(config)
            app = await server.open()
            stack.push_async_callback(server.close)
            token = await server.first_token()
            http = HttpServer(app, config, None, server.local)
            stack.push_async_callback(_cancel, asyncio.create_task(server.run()))
            serving = asyncio.create_task(http.serve(sockets=[listener]))
            stack.push_async_callback(_finish, http, serving)
            self._serving = stack.pop_all()
        if self._api is None:
            await self._sign_in(token)

    async def stop_server(self) -> None:
        if self._serving is not None:
            serving, self._serving = self._serving, None
            await serving.aclose()

    async def _sign_in(self, token: str | None) -> None:
        self.config = ClientConfig(server=self.address)
        if token is not None:
            async with connect(self.config) as stranger:
                issued = await stranger.tokens.login(token, "", "farm()")
            self.config = ClientConfig(server=self.address, token=issued.secret)
        self._api = await self._stack.enter_async_context(connect(self.config))

    def start_agent(self, board: LocalBoard) -> None:
        if board.name in self._agents:
            raise BorutaError(f"there is a board called {board.name} already; name another")
        folder = self._folder / f"b{len(self._agents)}"
        folder.mkdir(0o700)
        path = folder / "dryad.conf"
        path.write_text(board.configuration(self.address, folder))
        self._agents[board.name] = asyncio.create_task(agent.run_agent(agents.load(path)))

    async def add(self, board: LocalBoard) -> Worker:
        self.start_agent(board)
        await self.settle()
        return next(found for found in await self.boards() if found.name == board.name)

    async def boards(self) -> tuple[Worker, ...]:
        page = await self.api.workers.list_workers(self.api.caller)
        return tuple(sorted(page.items, key=lambda worker: worker.name))

    async def settle(self) -> None:
        """Wait until all boards rest; those that have just come are made IDLE."""
        async with asyncio.timeout(STARTS_WITHIN), self.api.watch() as happenings:
            async for happening in happenings:
                if not isinstance(happening, Lost) and await self._rest():
                    return

    async def _rest(self) -> bool:
        for name, task in self._agents.items():
            if task.done():
                raise BorutaError(f"the agent of {name} has ended") from task.exception()
        workers = await self.boards()
        for worker in workers:
            if worker.state is WorkerState.MAINTENANCE and worker.name not in self._set_aside:
                await self.api.workers.set_state(self.api.caller, worker.uuid, WorkerState.IDLE)
            elif worker.state is WorkerState.FAILED:
                raise BorutaError(f"{worker.name} failed: {worker.reason}")
        return len(list(filter(self._rests, workers))) == len(self._agents)

    def _rests(self, worker: Worker) -> bool:
        if worker.name in self._set_aside:
            return worker.state is WorkerState.MAINTENANCE
        return worker.state is WorkerState.IDLE and worker.unreachable_since is None

    async def set_aside(self, board: str, reason: str) -> None:
        self._set_aside.add(board)
        await self.api.workers.set_state(
            self.api.caller, board, WorkerState.MAINTENANCE, reason or None
        )

    async def take_back(self, board: str) -> None:
        self._set_aside.discard(board)
        await self.settle()

    async def user(self, name: str, groups: Sequence[str]) -> ClientConfig:
        for group in groups:
            await self.api.accounts.save_group(self.api.caller, group, GroupChange())
        change = AccountChange(role=Role.USER, groups=tuple(groups))
        invited = await self.api.tokens.invite(self.api.caller, name, change)
        async with connect(ClientConfig(server=self.address)) as stranger:
            issued = await stranger.tokens.login(invited.secret, "", "farm()")
        return ClientConfig(server=self.address, token=issued.secret)

    async def end(self) -> None:
        """End agents first, so that they clean up, then the server with its relay."""
        await self._stack.aclose()
        await asyncio.gather(*map(_cancel, self._agents.values()))
        await self.stop_server()
        await stop_relay(self._folder / SERVER)


async def _cancel(parts: asyncio.Task[NoReturn]) -> None:
    parts.cancel()
    with suppress(asyncio.CancelledError):
        await parts


async def _finish(http: HttpServer, serving: asyncio.Task[None]) -> None:
    """Let answers under way finish."""
    http.should_exit = True
    await serving


def _lines(keys: Mapping[str, str]) -> str:
    # JSON writes texts as TOML does.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
