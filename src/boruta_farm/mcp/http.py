"""The desk over HTTP (MCP's streamable one), for one agent whose program is not started by us.

Only this machine reaches it, only who shows its token, and no page of a browser.
"""

import asyncio
import contextlib
import hmac
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NoReturn

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from boruta_farm.mcp.desk import AgentDesk
from boruta_farm.mcp.server import at_the_end, build
from boruta_farm.model.errors import BorutaError, ConfigError

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
PATH: Final = "/mcp"
SHORTEST_TOKEN: Final = 16
GONE_AFTER: Final = 600.0
"""Seconds without a call after which the agent is taken to be gone: over HTTP nobody sees it go."""
MOST_SESSIONS: Final = 100
STOPS_WITHIN: Final = 2
REFUSED: Final = b'{"error": "show the token of boruta mcp: Authorization: Bearer ..."}'


def check_secret(token: str) -> str:
    """Return what an agent must show. Raises ConfigError for one that could be guessed."""
    if len(token) < SHORTEST_TOKEN or not (token.isascii() and token.isprintable()):
        raise ConfigError(
            f"BORUTA_MCP_TOKEN: must be {SHORTEST_TOKEN} or more plain characters; unset it, and "
            "one is made and shown"
        )
    return token


class AgentGate:
    """Let calls in that show the token, and know when the last one was."""

    def __init__(self, app: ASGIApp, token: str, gone_after: float = GONE_AFTER) -> None:
        self._app = app
        self._shown = f"Bearer {token}".encode()
        self._gone_after = gone_after
        self._open = 0
        self._called = asyncio.Event()
        self._quiet = asyncio.Event()
        self._left = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, or have it answered."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and self._is_known(scope):
            await self._pass(scope, receive, send)
        elif scope["type"] == "http":
            kind = (b"content-type", b"application/json")
            headers = [kind, (b"www-authenticate", b"Bearer")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSED})

    async def watch(self, give_back: Callable[[], Awaitable[None]]) -> NoReturn:
        """Have all boards given back whenever the agent has ended its session, or calls no more."""
        while True:
            await self._quiet.wait()
            self._called.clear()
            try:
                async with asyncio.timeout(0 if self._left else self._gone_after):
                    await self._called.wait()
            except TimeoutError:
                try:
                    await give_back()
                except BorutaError as error:
                    log.warning("boards were not given back: %s", error.message)
                await self._called.wait()

    def _is_known(self, scope: Scope) -> bool:
        shown = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(shown) == 1 and hmac.compare_digest(shown[0], self._shown)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._open += 1
        self._left = scope["method"] == "DELETE"
        self._quiet.clear()
        self._called.set()
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            if not self._open:
                self._quiet.set()


class AgentServer(uvicorn.Server):
    """Uvicorn, which leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


def listening(port: int) -> socket.socket:
    """Return a socket of this machine alone; 0 is a port that the system chooses.

    Raises ConfigError.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise ConfigError(
            f"--http {port}: {HOST} cannot be listened on: {error.strerror}; name another port"
        ) from None


async def serve_http(desk: AgentDesk, listener: socket.socket, token: str) -> None:
    """Serve one agent until we are cancelled, then give back its boards."""
    port = listener.getsockname()[1]
    app = build(desk).streamable_http_app(
        streamable_http_path=PATH,
        host=HOST,
        max_sessions=MOST_SESSIONS,
        # No page of a browser has an origin that is named here.
        transport_security=TransportSecuritySettings(
            allowed_hosts=[f"{name}:{port}" for name in (HOST, "localhost")], allowed_origins=[]
        ),
    )
    gate = AgentGate(app, token)
    server = AgentServer(
        uvicorn.Config(
            gate,
            # The other one that uvicorn knows takes heads without a bound.
            http="h11",
            lifespan="on",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOPS_WITHIN,
        )
    )
    async with at_the_end(desk):
        watching = asyncio.create_task(gate.watch(desk.close))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            watching.cancel()
            await asyncio.gather(serving, watching, return_exceptions=True)
