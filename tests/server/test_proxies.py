"""Forwarded headers are believed from configured proxies alone."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from boruta_farm.access.listening import listen
from boruta_farm.server.config import load
from boruta_farm.server.main import HttpServer
from boruta_farm.web.app import WebApp, entrance_to
from boruta_farm.web.auth import source_of
from boruta_farm.web.dispatch import Dispatcher
from tests.web.serving import World, raw_call

FORGED = ("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https")


class Watching(WebApp):
    """Note whom each call seems to come from."""

    def __init__(self) -> None:
        world = World()
        self.seen: list[tuple[str, str]] = []
        self._watched = world.app
        entrance = entrance_to(world.services, world.options)
        services = world.services
        nothing = Dispatcher(
            (), world.app, world.options, entrance, services.clock, services.traffic
        )
        super().__init__(nothing, entrance)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append((source_of(scope), scope["scheme"]))
        await self._watched(scope, receive, send)


@pytest.mark.parametrize(
    ("trusted", "headers", "seen"),
    [
        ("", FORGED, ("127.0.0.1", "http")),
        ("10.0.0.0/8", FORGED, ("127.0.0.1", "http")),
        ("127.0.0.1/32", FORGED, ("192.0.2.7", "https")),
        ("127.0.0.0/8", ("X-Forwarded-For: 198.51.100.1, 192.0.2.7",), ("192.0.2.7", "http")),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
async def test_only_configured_proxies_are_believed(
    host: str, trusted: str, headers: tuple[str, ...], seen: tuple[str, str]
) -> None:
    overrides: dict[str, object] = {
        "trusted_proxies": trusted,
        "public_names": "boruta.example",
    }
    watching = Watching()
    server = HttpServer(watching, load(environment={}, overrides=overrides), None)
    with listen(host, 0, 8) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        answer = await raw_call(listener.getsockname()[1], "GET", "/api/v1/version", headers)
        server.should_exit = True
        await serving
    assert answer.status == 200
    assert watching.seen == [seen]
