"""The demo's farm with users: TLS, tokens, and agents that come by invitation."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.demo.boards import DemoBoard
from boruta_farm.demo.farm import DemoProcesses, free_port
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.permission import Scope
from boruta_farm.model.token import NewToken, TokenKind

HOST: Final = "127.0.0.1"
TOKEN: Final = "boruta_o_"
FREE: Final = DemoBoard(name="free", caps={"board": "free"}, driver="sandbox")
GROUPED: Final = DemoBoard(name="grouped", caps={"board": "grouped"}, driver="sandbox")


@dataclass(slots=True)
class UsersFarm:
    """Carry a running farm that asks who is calling.

    ``secrets`` are all that were made so far: none of them may be found anywhere later.
    """

    url: str
    folder: Path
    authority: Path
    processes: DemoProcesses
    first_token: str
    stack: AsyncExitStack
    secrets: list[str] = field(default_factory=list)

    async def connect(self, token: str | None) -> Farm:
        """Return a connection that checks the server's certificate; closed with the farm."""
        config = ClientConfig(server=self.url, token=token, ca_file=self.authority)
        return await self.stack.enter_async_context(connect(config))

    async def sign_in(self, one_time: str) -> Farm:
        """Exchange a one-time token for one's own, and return a connection with that."""
        stranger = await self.connect(None)
        issued = await stranger.tokens.login(one_time, "", "demo")
        self.secrets += [one_time, issued.secret]
        return await self.connect(issued.secret)

    async def invite_agents(self, admin: Farm, uses: int) -> str:
        """Return a join token for so many boards."""
        new = NewToken(
            account="",
            kind=TokenKind.JOIN,
            scope=Scope.READ,
            uses=uses,
            lifetime=timedelta(minutes=10),
        )
        issued = await admin.tokens.issue(admin.caller, new)
        self.secrets.append(issued.secret)
        return issued.secret

    async def start_agent(
        self, board: DemoBoard, join_token: str | None, known_as: str | None = None
    ) -> None:
        """Start a board's agent with the invitation it was given."""
        settings = {**board.settings, "ca_file": str(self.authority)}
        if join_token is not None:
            settings["join_token"] = join_token
        await self.processes.start_agent(replace(board, settings=settings), self.url, known_as)

    def log(self, name: str) -> str:
        """Return what a process has said so far."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


@asynccontextmanager
async def users_farm(say: Callable[[str], None]) -> AsyncIterator[UsersFarm]:
    """Run a farm with TLS and users for the block and leave nothing behind."""
    from boruta_farm.server.authority import make_certificate

    folder = Path(tempfile.mkdtemp(prefix="boruta-demo-"))
    files = make_certificate(folder, (HOST, "localhost"), datetime.now(UTC))
    port = free_port()
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(line: str) -> None:
        found = line.find(TOKEN)
        if found >= 0 and not heard.done():
            heard.set_result(line[found:].split()[0])

    processes = DemoProcesses(folder, hear)
    try:
        await processes.start_server(
            port,
            users="true",
            enrolment="invited",
            tls_certificate=str(files.certificate),
            tls_key=str(files.key),
        )
        say(f"the server showed a one-time token; it serves on https://{HOST}:{port}")
        first = await processes.unless_failed(_first(heard), "the one-time token")
        async with AsyncExitStack() as stack:
            yield UsersFarm(
                url=f"https://{HOST}:{port}",
                folder=folder,
                authority=files.authority,
                processes=processes,
                first_token=first,
                stack=stack,
            )
    finally:
        await processes.end()
        shutil.rmtree(folder)


async def _first(heard: "asyncio.Future[str]") -> str:
    token = await heard
    if not token.startswith(TOKEN):
        raise BorutaError("the server showed something else than a one-time token")
    return token
