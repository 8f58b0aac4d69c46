import asyncio
import base64

import pytest
from tests.web.serving import World, served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from boruta_farm.web.boards import PATH
from boruta_farm.web.headers import bearer, presented


async def test_an_agent_talks_to_the_hub(world: World) -> None:
    async with served(world.app) as port:
        url = f"ws://127.0.0.1:{port}{PATH}"
        headers = {"Authorization": "Bearer s3cret"}
        async with connect(url, additional_headers=headers) as socket:
            await socket.send("hello")
            assert await asyncio.wait_for(socket.recv(), 5) == "HELLO"
    assert world.hub.served == [("127.0.0.1", "s3cret")]


async def test_a_browser_is_turned_away(world: World) -> None:
    async with served(world.app) as port:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{port}{PATH}", origin="http://x.example"):  # type: ignore[arg-type]  # a plain text will do
                raise AssertionError("it was let in")
    assert refused.value.response.status_code == 403
    assert world.hub.served == []


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer ", None),
        ("Basic " + base64.b64encode(b"a:b").decode(), None),
        ("", None),
        (None, None),
    ],
)
def test_only_bearers_are_credentials(value: str | None, token: str | None) -> None:
    assert bearer(value) == token


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("Basic " + base64.b64encode(b"weles:boruta_1_2").decode(), "boruta_1_2"),
        ("basic  " + base64.b64encode(b":a:b\n").decode(), "a:b"),
        ("Basic " + base64.b64encode(b"name alone").decode(), None),
        ("Basic " + base64.b64encode(b"name:\xff").decode(), None),
        ("Basic no*base64", None),
        ("Digest abc", None),
        (None, None),
    ],
)
def test_a_person_may_present_his_token_as_a_password(value: str | None, token: str | None) -> None:
    assert presented(value) == token


@pytest.mark.parametrize(
    ("headers", "local"),
    [
        ({}, True),
        ({"X-Forwarded-For": "127.0.0.1"}, False),
        ({"Forwarded": "for=127.0.0.1"}, False),
        ({"Via": "1.1 proxy"}, False),
    ],
)
@pytest.mark.parametrize("listening", ["127.0.0.1", "::"])
async def test_only_who_comes_without_a_proxy_is_of_this_machine(
    listening: str, headers: dict[str, str], local: bool, world: World
) -> None:
    async with served(world.app, listening) as port:
        url = f"ws://127.0.0.1:{port}{PATH}"
        async with connect(url, additional_headers=headers) as socket:
            await socket.send("hello")
            await asyncio.wait_for(socket.recv(), 5)
    assert world.hub.local == [local]
    assert [ip for ip, _ in world.hub.served] == ["127.0.0.1"]
