"""A real farm in this process, its front door on a free port, and boards that echo."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
from uvicorn.server import ServerState

from boruta_farm.access.host_authority import HostAuthority
from boruta_farm.access.listening import listen
from boruta_farm.access.user_authority import UserAuthority
from boruta_farm.boards.certificates import HostCertificates
from boruta_farm.clock import SystemClock, VirtualClock
from boruta_farm.frontdoor.crowd import USUAL, DoorBounds
from boruta_farm.frontdoor.door import SshDoor
from boruta_farm.frontdoor.line import ServerLine
from boruta_farm.frontdoor.names import plain
from boruta_farm.model.account import AccountChange
from boruta_farm.model.audit import AuditEntry, AuditFilter
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.front_door import DoorSettings
from boruta_farm.model.permission import Role
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.selectors.wanted import KINDS
from boruta_farm.server.front_door import serve_locally
from boruta_farm.testing.boards import SimulatedBoard
from boruta_farm.testing.simulation import PlainCipher
from boruta_farm.web.app import build_app
from boruta_farm.web.front_door import FrontDoorApp
from tests.client.serving import OPTIONS, Lab, uuid_of
from tests.ports import free_port
from tests.web.serving import services_of

GREETING = b"SSH-2.0-board\r\n"
LINGER = timedelta(milliseconds=200)
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
BOSS = Caller(id="boss", name="boss", groups=frozenset(), role=Role.ADMIN)
"""Who changes accounts behind the API's back."""

Jump = tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]


class Stage:
    """Everything a test touches."""

    def __init__(
        self,
        folder: Path,
        bounds: DoorBounds = USUAL,
        linger: timedelta = LINGER,
        *,
        read_by_farm: bool = True,
        authority: str = "",
        user_authority: UserAuthority | None = None,
        principals: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._user_authority, self._principals = user_authority, principals
        self.settings = DoorSettings(
            linger=linger,
            reach="127.0.0.1",
            kinds=KINDS,
            authority=authority,
            read_by_farm=read_by_farm,
        )
        first = free_port()
        up = timedelta(seconds=asyncio.get_running_loop().time())
        self.lab = Lab(
            FarmSettings(tunnel_ports=(first, first + 1)), VirtualClock(datetime.now(UTC) - up)
        )
        self.bounds = bounds
        self.met: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._boards: list[asyncio.Server] = []
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Stage"]:
        """Run farm, socket and door for the block."""
        await self.lab.start()
        self.certificates = HostCertificates(
            self.lab.farm.fleet, HostAuthority(PlainCipher()), self.lab.simulated.clock, KINDS
        )
        await self.serve()
        self.line = ServerLine(self.folder, SystemClock(), patience=0.2)
        self.door = SshDoor(self.line, HOST_KEY, SystemClock(), self.bounds)
        listener = listen("127.0.0.1", 0, 16)
        self.port: int = listener.getsockname()[1]
        tasks = [
            asyncio.create_task(self.door.accept(listener)),
            asyncio.create_task(self.door.look_after()),
            asyncio.create_task(self.line.news.follow()),
        ]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            listener.close()
            await self.door.close()
            await self.line.close()
            for writer in self._writers:
                writer.close()
            for board in self._boards:
                board.close()
            self.stop_serving()
            await self.lab.end()

    async def serve(self) -> None:
        """Serve the local socket."""
        services = services_of(self.lab.farm, self.lab.simulated.store, self.lab.simulated.clock)
        app = build_app(services, OPTIONS)
        front = FrontDoorApp(
            app,
            services.requests,
            services.people,
            app.entrance,
            services.clock,
            lambda: self.settings,
            self.certificates.vouch,
            self.lab.farm.requests.open_to,
            self._user_authority,
            self._principals,
        )
        self._app = app
        self._server = await serve_locally(front, self.folder, self._state)

    def stop_serving(self) -> None:
        """Be away, as a server is that starts anew."""
        self._app.stop()
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            connection.abort()  # type: ignore[union-attr]  # ours have that

    async def board(
        self, number: int, name: str, kind: str = "rpi4", *, many_keys: bool = True
    ) -> str:
        """Have one more board, whose tunnel leads to what echoes; return its UUID."""
        board = SimulatedBoard(
            uuid_of(number),
            {"board": kind},
            name,
            host_key=f"ssh-ed25519 HOST{number}",
            many_keys=many_keys,
        )
        await self.lab.board(board)
        worker = await self.lab.farm.workers.get_worker_info(LOCAL_ADMIN, board.uuid)
        self._boards.append(await asyncio.start_server(self._echo, "127.0.0.1", worker.port))
        return board.uuid

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(GREETING)
        self.met.put_nowait(writer)
        while data := await reader.read(65536):
            writer.write(data)
        writer.write_eof()

    async def account(self, name: str, *keys: asyncssh.SSHKey, role: Role = Role.USER) -> None:
        """Make an account, or change its keys."""
        change = AccountChange(role=role, ssh_keys=tuple(map(plain, keys)))
        caller = LOCAL_ADMIN if self.lab.farm.directory.open else BOSS
        await self.lab.farm.accounts.save_account(caller, name, change)

    async def come(
        self,
        key: asyncssh.SSHKey | asyncssh.SSHKeyPair | None,
        user: str = "me",
        password: str | None = None,
        port: int | None = None,
    ) -> asyncssh.SSHClientConnection:
        """Connect to the door and sign in."""
        return await asyncssh.connect(
            "127.0.0.1",
            port or self.port,
            username=user,
            client_keys=[key] if key else None,
            password=password,
            known_hosts=([HOST_KEY.convert_to_public()], [], []),
            agent_path=None,
            config=None,
        )

    async def say(self, key: asyncssh.SSHKey, line: str, user: str = "me") -> tuple[int, str, str]:
        """Have the door do a verb; return its status and what it said."""
        async with await self.come(key, user) as connection:
            done = await connection.run(line)
        return int(done.exit_status or 0), str(done.stdout), str(done.stderr)

    async def until(self, number: int, state: RequestState) -> Request:
        """Return a request once it has reached a state."""
        return await self._met(lambda request: (request.id, request.state) == (number, state))

    async def keys_of(self, number: int, uuid: str) -> tuple[str, ...]:
        """Return what opens a board beside its job's own key, once it has taken the last change."""

        def taken(request: Request) -> bool:
            job = request.live_job
            return request.id == number and job is not None and not job.keys_pending

        await self._met(taken)
        return self.lab.simulated.boards[uuid].keys

    async def _met(self, met: Callable[[Request], bool]) -> Request:
        async with asyncio.timeout(10):
            _, subscription = await self.lab.farm.feed.follow()
            try:
                while True:
                    page = await self.lab.farm.requests.list_requests(LOCAL_ADMIN)
                    for request in filter(met, page.items):
                        return request
                    await subscription.next()
            finally:
                subscription.close()

    async def audit(self) -> tuple[AuditEntry, ...]:
        """Return the audit."""
        return await self.lab.farm.audit.list_entries(LOCAL_ADMIN, AuditFilter())


async def jump(connection: asyncssh.SSHClientConnection, host: str, port: int = 22) -> Jump:
    """Open a channel as ``ssh -J`` does, and read what the board says first."""
    reader, writer = await connection.open_connection(host, port, encoding=None)
    assert await reader.readexactly(len(GREETING)) == GREETING
    return reader, writer
