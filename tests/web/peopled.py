"""The application in front of a farm that knows people, and calls to it that need no socket."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import Message
from tests.farm.people import SOURCE, PeopledFarm, peopled_farm
from tests.web.serving import services_of

from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Registration
from boruta_farm.web.app import WebApp, build_app
from boruta_farm.web.services import WebOptions

WORKER = "00000000-0000-4000-8000-000000000001"
OPTIONS = WebOptions(calls_per_source=0, calls_per_account=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Hold an answer as far as it had come when the caller hung up."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopledWeb:
    """Carry farm, application, the admin's token, and the one-time token if it is unused."""

    people: PeopledFarm
    app: WebApp
    root: Caller
    root_secret: str
    first: str

    async def secret(
        self, name: str, *groups: str, role: Role = Role.USER, scope: Scope = Scope.ADMIN
    ) -> str:
        """Make an account and return a token of it."""
        issued = await self.people.account(self.root, name, *groups, role=role, scope=scope)
        return issued.secret

    async def call(
        self,
        method: str,
        path: str,
        secret: str | None = None,
        body: object = None,
        *,
        source: str = SOURCE,
        raw: bytes | None = None,
        basic: bool = False,
        agent: str = "",
    ) -> Reply:
        """Call the API and return the answer; a stream is left at its first piece.

        ``basic`` sends the token as a password, as for ``http://name:TOKEN@farm``; ``agent`` is
        the program that acts for whose token it is.
        """
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        headers = [(b"host", b"farm")]
        if secret is not None:
            password = base64.b64encode(f"weles:{secret}".encode()).decode()
            value = f"Basic {password}" if basic else f"Bearer {secret}"
            headers.append((b"authorization", value.encode()))
        if agent:
            headers.append((b"boruta-agent", agent.encode()))
        place, _, query = path.partition("?")
        scope = {
            "type": "http",
            "scheme": "http",
            "method": method,
            "path": f"/api/v1/{place}",
            "raw_path": f"/api/v1/{place}".encode(),
            "query_string": query.encode(),
            "headers": headers,
            "client": (source, 50000),
            "server": ("192.0.2.1", 8487),
        }
        incoming: list[Message] = [{"type": "http.request", "body": content}]
        answer: list[Message] = []

        async def receive() -> Message:
            return incoming.pop() if incoming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answer.append(message)

        await self.app(scope, receive, send)
        return Reply(
            status=answer[0]["status"],
            headers={k.decode(): v.decode() for k, v in answer[0].get("headers", ())},
            body=b"".join(message.get("body", b"") for message in answer[1:]),
        )

    async def board(self, *groups: str) -> None:
        """Register a board in these groups."""
        farm = self.people.farm
        await farm.superviser.register(
            Registration(
                caps={"UUID": WORKER},
                dryad_address="192.0.2.9:7175",
                ssh_address="192.0.2.9:22",
                fence=Fence.AGENT,
                credential="hash",
            )
        )
        await farm.workers.set_groups(self.root, WORKER, groups)


@asynccontextmanager
async def peopled_web(
    folder: Path,
    options: WebOptions = OPTIONS,
    *,
    users: bool = True,
    signed_in: bool = True,
    settings: FarmSettings | None = None,
) -> AsyncIterator[PeopledWeb]:
    """Serve a farm for the block; with ``users`` its first admin has signed in, or may."""
    async with peopled_farm(folder, users=users, settings=settings) as people:
        farm = people.farm
        services = services_of(farm, people.store, people.clock)
        secret = first = ""
        if users:
            begun = await farm.tokens.begin()
            assert begun is not None
            first = begun.secret
        if users and signed_in:
            secret = (await farm.tokens.login(first, SOURCE, "desk")).secret
        root = farm.directory.admit(secret, SOURCE) if secret or not users else LOCAL_ADMIN
        yield PeopledWeb(
            people=people,
            app=build_app(services, options),
            root=root,
            root_secret=secret,
            first=first,
        )


def random_part(secret: str) -> str:
    """Return what of a token's secret is drawn by chance; it may hold an underscore itself."""
    return secret.split("_", 3)[-1]
