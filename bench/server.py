"""The real server in a process, with what it must not have: calls that do nothing.

They are what its calls are compared to: ``NOTHING`` is a call of the API like any other, routed,
its body read and decoded, its answer encoded, with nothing done between; ``BARE`` is the least
that the HTTP server can answer. Two more tell how many session keys and how many agents are
ready, so that a measure can begin.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

from starlette.types import Receive, Scope, Send

from bench.fill import board_uuid
from boruta_farm.access.keys import KEYS_READY, RsaKeyPool
from boruta_farm.model.explanation import Filed
from boruta_farm.model.permission import Permission
from boruta_farm.model.worker import KeyPair
from boruta_farm.server import assembly, main
from boruta_farm.server.assembly import Server
from boruta_farm.server.config import Config, load
from boruta_farm.web.answers import told
from boruta_farm.web.app import WebApp, entrance_to
from boruta_farm.web.calls import JSON_TYPE, Answer, Call
from boruta_farm.web.dispatch import Dispatcher
from boruta_farm.web.requests import REQUEST_BODY
from boruta_farm.web.routes import Route

NOTHING = "/api/v1/bench/nothing"
BARE = "/bench/bare"
KEYS = "/bench/keys"
AGENTS = "/bench/agents"
STREAMS = 1000
"""Event streams that one machine may hold: all who measure come from it."""
BARE_ANSWER = b'{"ReqID":100001}'
SAMPLE = Filed(id=100001)


async def accept_nothing(call: Call) -> Answer:
    """Read a new request's body and answer as if it had been filed."""
    REQUEST_BODY.read(call.body)
    return Answer(status=201, headers=(JSON_TYPE,), body=told(SAMPLE))


async def show_nothing(call: Call) -> Answer:
    """Answer without looking for anything."""
    return Answer(status=200, headers=(JSON_TYPE,), body=told(SAMPLE))


ROUTES = (
    Route(
        method="POST",
        path="bench/nothing",
        endpoint=accept_nothing,
        permission=Permission.FILE_REQUESTS,
        summary="Do nothing",
        reader=REQUEST_BODY,
    ),
    Route(
        method="GET",
        path="bench/nothing",
        endpoint=show_nothing,
        permission=Permission.SEE_FARM,
        summary="Do nothing",
    ),
)


class NumberedKeys:
    """Hand out texts in place of keys, to measure everything but the making of keys."""

    def __init__(self, size: int = KEYS_READY) -> None:
        self.ready = size
        self._made = 0

    async def take(self) -> KeyPair:
        """Return the next text."""
        return self.at_hand()

    def at_hand(self) -> KeyPair:
        """Return the next text at once."""
        self._made += 1
        return KeyPair(public=f"ssh-rsa {self._made}", private=f"private {self._made}")

    def give_back(self, key: KeyPair) -> None:
        """Drop it: the next costs nothing."""

    async def fill(self) -> None:
        """Have nothing to do, for as long as the server runs."""
        await asyncio.get_running_loop().create_future()

    def alive(self) -> str | None:
        """Return None."""
        return None


class BenchServer(Server):
    """The real server; its application answers the bench's own paths besides."""

    def __init__(self, config: Config, *parts: Any) -> None:
        super().__init__(config, *parts)
        self._connected = 0

    async def open(self) -> WebApp:
        """Return the application."""
        app = await super().open()
        options = self._options()
        services = self._services()
        entrance = entrance_to(services, options)
        nothing = Dispatcher(ROUTES, app, options, entrance, services.clock, services.traffic)
        return BenchApp(app, self, nothing)

    def count(self, path: str) -> int:
        """Return how many keys or agents are ready."""
        if path == KEYS:
            return self._pool.ready
        while self._hub.fenced(board_uuid(self._connected)) is not None:
            self._connected += 1
        return self._connected


class BenchApp(WebApp):
    """Answer what the farm does not, at the least cost that the HTTP server allows."""

    def __init__(self, app: WebApp, server: BenchServer, nothing: Dispatcher) -> None:
        self._farm = app
        self._server = server
        self._nothing = nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        path: str = scope["path"] if scope["type"] == "http" else ""
        if path == NOTHING:
            await self._nothing(scope, receive, send)
        elif path == BARE:
            while scope["method"] == "POST" and (await receive()).get("more_body"):
                pass
            await _answer(send, BARE_ANSWER)
        elif path in (KEYS, AGENTS):
            await _answer(send, json.dumps(self._server.count(path)).encode())
        else:
            await self._farm(scope, receive, send)

    def stop(self) -> None:
        """End open event streams."""
        self._farm.stop()


async def _answer(send: Send, body: bytes) -> None:
    headers = (JSON_TYPE, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", default="", help="a PostgreSQL database in SQLite's place")
    parser.add_argument("--tunnels", default="127.0.0.1", help="the address of tunnels")
    parser.add_argument("--keys", choices=("real", "numbered"), default="numbered")
    parser.add_argument("--rpc-port", type=int, help="where original boards register")
    parser.add_argument("--door-port", type=int, help="where the front door listens")
    parser.add_argument("--history", type=int, default=0, help="finished requests that are kept")
    parser.add_argument("--silent-boards", action="store_true")
    options = parser.parse_args()
    overrides: dict[str, str | int | float | bool | list[object]] = {
        "data": str(options.data),
        "api_addr": f"127.0.0.1:{options.port}",
        "keep_relay": False,
        "tunnel_ports": "20000-31999",
        "event_streams": STREAMS,
        "event_streams_per_source": STREAMS,
        "tunnel_address": options.tunnels,
        "database": options.database,
    }
    if options.rpc_port is not None:
        overrides |= {"rpc_addr": f"127.0.0.1:{options.rpc_port}", "new_boards_per_source": 0}
        overrides |= {"new_boards": 0}
    if options.door_port is not None:
        overrides |= {"ssh_addr": f"127.0.0.1:{options.door_port}"}
    if options.history:
        overrides |= {"history_requests": options.history}
    if options.silent_boards:
        overrides |= {"lost_grace": "1h"}
    pool = RsaKeyPool if options.keys == "real" else NumberedKeys
    # The real start with two parts exchanged: nothing else differs from `boruta serve`.
    with patch.object(main, "Server", BenchServer), patch.object(assembly, "RsaKeyPool", pool):
        main.serve(load(environment={}, overrides=overrides))


if __name__ == "__main__":
    serve()
