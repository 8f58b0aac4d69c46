import asyncio
from dataclasses import replace

import pytest
from tests.web.serving import World, served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from boruta_farm.model.site import SITE_PATH
from boruta_farm.web.app import build_app
from boruta_farm.web.boards import Socket

PATH = SITE_PATH.format(site="lab-b")
BEARER = {"Authorization": "Bearer s3cret"}


class EchoingSites:
    """Admit one credential, and echo what its relay says in upper case."""

    def __init__(self) -> None:
        self.served: list[tuple[str, str]] = []

    def admits(self, site: str, credential: str | None) -> bool:
        return (site, credential) == ("lab-b", "s3cret")

    async def serve(self, wire: Socket, site: str, peer: str) -> None:
        self.served.append((site, peer))
        while (text := await wire.receive()) is not None:
            await wire.send(text.upper())


async def test_a_relay_of_a_site_is_served(world: World) -> None:
    sites = EchoingSites()
    app = build_app(replace(world.services, sites=sites), world.options)
    async with served(app) as port:
        url = f"ws://127.0.0.1:{port}{PATH}"
        async with connect(url, additional_headers=BEARER) as socket:
            await socket.send("hello")
            assert await asyncio.wait_for(socket.recv(), 5) == "HELLO"
    assert sites.served == [("lab-b", "127.0.0.1")]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, {}),
        (PATH, {"Authorization": "Bearer other"}),
        (PATH, {**BEARER, "Origin": "http://x.example"}),
        (SITE_PATH.format(site="lab-c"), BEARER),
    ],
)
async def test_others_are_turned_away_unheard(
    path: str, headers: dict[str, str], world: World
) -> None:
    sites = EchoingSites()
    app = build_app(replace(world.services, sites=sites), world.options)
    async with served(app) as port:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{port}{path}", additional_headers=headers):
                raise AssertionError("it was let in")
    assert refused.value.response.status_code == 403
    assert sites.served == []


async def test_a_farm_without_sites_admits_no_relay(world: World) -> None:
    async with served(world.app) as port:
        with pytest.raises(InvalidStatus):
            async with connect(f"ws://127.0.0.1:{port}{PATH}", additional_headers=BEARER):
                raise AssertionError("it was let in")
