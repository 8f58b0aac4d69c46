"""Who gets a terminal over a WebSocket, and why others do not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.client.board import reachable_board
from tests.web.peopled import OPTIONS, peopled_web
from tests.web.serving import World, served, services_of
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from boruta_farm.contracts import Requests
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.tunnel import REFUSED
from boruta_farm.model.worker import AccessInfo
from boruta_farm.terminals.terminals import BoardTerminals
from boruta_farm.web.app import build_app
from boruta_farm.web.terminals import ENDED

UUID = "00000000-0000-4000-8000-000000000001"


class Reaching:
    """The farm's requests, whose board is one that is really there."""

    def __init__(self, requests: Requests, access: AccessInfo) -> None:
        self._requests, self._access = requests, access

    async def acquire_worker(self, *given: Any) -> AccessInfo:
        await self._requests.acquire_worker(*given)
        return self._access


@asynccontextmanager
async def lent(world: World, folder: Path) -> AsyncIterator[int]:
    """Lend the board to request 1 and yield the port at which its farm is served."""
    with reachable_board(folder / "box") as (access, _):
        requests = cast("Requests", Reaching(world.requests, access))
        terminals = BoardTerminals(requests, "127.0.0.1")
        world.services = replace(world.services, terminals=terminals)
        world.app = build_app(world.services, world.options)
        await world.requests.new_request(LOCAL_ADMIN, NewRequest(priority=8, caps={}))
        await world.lend(UUID, "rpi4", {})
        try:
            async with served(world.app) as port:
                yield port
        finally:
            await terminals.close()


def dial(port: int, path: str = "reqs/1/terminal?columns=80&rows=24", **headers: str) -> connect:
    origin = headers.pop("origin", f"http://127.0.0.1:{port}")
    return connect(
        f"ws://127.0.0.1:{port}/api/v1/{path}",
        origin=cast("Origin | None", origin or None),
        additional_headers=headers,
    )


async def refusal(socket: ClientConnection) -> tuple[int, str]:
    """Return with what a socket is closed."""
    return (await told_until_closed(socket))[1]


async def told_until_closed(socket: ClientConnection) -> tuple[list[object], tuple[int, str]]:
    """Return what is told as JSON, and with what a socket is closed."""
    said: list[object] = []
    try:
        while True:
            part = await asyncio.wait_for(socket.recv(), 20)
            said += [json.loads(part)] if isinstance(part, str) else []
    except ConnectionClosed:
        return said, (socket.close_code or 0, socket.close_reason or "")


async def until(socket: ClientConnection, words: bytes) -> bytes:
    said = b""
    while words not in said:
        part = await asyncio.wait_for(socket.recv(), 20)
        said += part if isinstance(part, bytes) else b""
    return said


async def test_a_terminal_answers_and_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    async with lent(world, tmp_path) as port:
        async with dial(port) as socket:
            assert json.loads(await socket.recv()) == {"at": 0}
            await socket.send(json.dumps({"resize": [100, 30]}))
            await socket.send(b"stty size; echo first-$((1+1))\n")
            assert b"30 100" in await until(socket, b"first-2")
        async with dial(port, "reqs/1/terminal?watch=1") as watcher:
            await until(watcher, b"first-2")
            await watcher.send(b"echo never-$((1+1))\n")
            async with dial(port) as socket:
                await socket.send(b"echo second-$((1+1))\n")
                assert b"never-2" not in await until(socket, b"second-2")
            await until(watcher, b"second-2")


async def test_the_end_of_the_job_ends_it_in_words(world: World, tmp_path: Path) -> None:
    async with lent(world, tmp_path) as port, dial(port) as socket:
        await socket.recv()
        await world.requests.close_request(LOCAL_ADMIN, 1)
        assert await refusal(socket) == (REFUSED, "the job has ended")


async def test_the_end_of_the_program_is_told(world: World, tmp_path: Path) -> None:
    async with lent(world, tmp_path) as port, dial(port) as socket:
        await socket.send(b"exit 4\n")
        said, (code, _) = await told_until_closed(socket)
    assert {"ended": 4} in said
    assert code == ENDED


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null", ""])
async def test_no_page_of_others_opens_one(world: World, tmp_path: Path, origin: str) -> None:
    async with lent(world, tmp_path) as port, dial(port, origin=origin) as socket:
        code, words = await refusal(socket)
    assert code == REFUSED
    assert "origin" in words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("reqs/7/terminal", "request not found"),
        ("reqs/x/terminal", "ID"),
        ("reqs/99999999999999999999/terminal", "request not found"),
        ("reqs/1/image?size=0", "at least one byte"),
        ("reqs/1/image?size=9&name=$(id)", "no name of a medium"),
        ("reqs/1/terminal?kind=console&name=a%20b", "no name of a console"),
    ],
)
async def test_what_is_refused_is_told_in_the_closing(
    world: World, tmp_path: Path, path: str, words: str
) -> None:
    async with lent(world, tmp_path) as port, dial(port, path) as socket:
        code, said = await refusal(socket)
    assert code == REFUSED
    assert words.lower() in said.lower()


async def test_what_no_page_says_ends_it(world: World, tmp_path: Path) -> None:
    async with lent(world, tmp_path) as port, dial(port) as socket:
        await socket.send("{nonsense")
        assert (await refusal(socket))[0] == REFUSED


async def test_a_farm_may_have_none(world: World) -> None:
    app = build_app(replace(world.services, terminals=None), world.options)
    async with served(app) as port, dial(port) as socket:
        code, words = await refusal(socket)
    assert code == REFUSED
    assert "browser_terminal" in words


async def test_only_who_is_signed_in_and_may_use_the_board(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        farm = web.people.farm
        services = services_of(farm, web.people.store, web.people.clock)
        terminals = BoardTerminals(farm.requests, "127.0.0.1")
        app = build_app(replace(services, terminals=terminals), OPTIONS)
        await farm.requests.new_request(web.root, NewRequest(priority=8, caps={}))
        ann = await web.secret("ann")
        async with served(app) as port:
            async with dial(port) as socket:
                assert "asks who calls" in (await refusal(socket))[1]
            async with dial(port, cookie=f"boruta_session_{port}={ann}") as socket:
                code, words = await refusal(socket)
        await terminals.close()
    assert code == REFUSED
    assert words


async def test_what_is_refused_counts_as_a_call_and_a_guess_as_a_failure(tmp_path: Path) -> None:
    options = replace(OPTIONS, calls_per_source=1)
    async with peopled_web(tmp_path) as web:
        farm = web.people.farm
        services = services_of(farm, web.people.store, web.people.clock)
        terminals = BoardTerminals(farm.requests, "127.0.0.1")
        app = build_app(replace(services, terminals=terminals), options)
        said = []
        async with served(app) as port:
            for guess in range(7):
                cookie = f"boruta_session_{port}=boruta_p_abc_{guess:043}"
                async with dial(port, origin="http://evil.example", cookie=cookie) as socket:
                    said.append((await refusal(socket))[1])
        await terminals.close()
    assert all("token" in words for words in said[:5])
    assert "calls" in said[5], "five at once, one a second"
    assert "calls" in said[6]
