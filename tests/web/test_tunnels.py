"""Who gets bytes to a board's ssh over the server's own port, and for how long."""

import asyncio
from pathlib import Path
from typing import cast

import pytest
from starlette.types import Message
from tests.web.peopled import peopled_web
from tests.web.serving import World, rest, served
from tests.web.tunnelling import HELLO, lent
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.permission import Scope
from boruta_farm.model.request import NewRequest
from boruta_farm.model.tunnel import BOARD_CLOSED, PIECE, REFUSED
from boruta_farm.web import tunnels


def dial(port: int, path: str = "reqs/1/tunnel", **headers: str) -> connect:
    origin = headers.pop("origin", None)
    return connect(
        f"ws://127.0.0.1:{port}/api/v1/{path}",
        origin=cast("Origin | None", origin),
        additional_headers=headers,
        compression=None,
    )


async def closing(socket: ClientConnection) -> tuple[int, str]:
    """Return with what a socket is closed, once it is."""
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 20)
    except ConnectionClosed:
        return socket.close_code or 0, socket.close_reason or ""


async def test_bytes_pass_both_ways_as_they_are(world: World) -> None:
    said = bytes(range(256)) * 1024
    async with lent(world) as (port, _), dial(port) as socket:
        heard = await socket.recv()
        await socket.send([said[i : i + 30_000] for i in range(0, len(said), 30_000)])
        while len(heard) < len(HELLO) + len(said):
            heard = cast("bytes", heard) + cast("bytes", await socket.recv())
    assert heard == HELLO + said


async def test_the_end_of_the_job_cuts_it_in_words(world: World) -> None:
    async with lent(world) as (port, board), dial(port) as socket:
        await socket.recv()
        await world.requests.close_request(LOCAL_ADMIN, 1)
        assert await closing(socket) == (REFUSED, "the job has ended")
        await asyncio.wait_for(board.gone.acquire(), 20)
        async with dial(port) as late:
            assert (await closing(late))[0] == REFUSED
    assert board.came.locked() is False
    assert len(board.writers) == 1


async def test_who_hangs_up_is_told_to_the_other_side(world: World) -> None:
    async with lent(world) as (port, board):
        async with dial(port) as socket:
            await socket.recv()
            board.writers[0].close()
            assert await closing(socket) == (BOARD_CLOSED, "the board hung up")
        await asyncio.wait_for(board.gone.acquire(), 20)
        async with dial(port) as socket:
            await socket.recv()
        await asyncio.wait_for(board.gone.acquire(), 20)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("reqs/7/tunnel", "request not found"),
        ("reqs/x/tunnel", "ID"),
        ("reqs/99999999999999999999/tunnel", "request not found"),
    ],
)
async def test_what_is_refused_is_told_in_the_closing(world: World, path: str, words: str) -> None:
    async with lent(world) as (port, board), dial(port, path) as socket:
        code, said = await closing(socket)
    assert code == REFUSED
    assert words.lower() in said.lower()
    assert not board.writers


async def test_no_page_opens_one_and_no_text_passes(world: World) -> None:
    async with lent(world) as (port, board):
        async with dial(port, origin=f"http://127.0.0.1:{port}") as socket:
            assert await closing(socket) == (
                REFUSED,
                "a tunnel is for programs; a page has its terminal",
            )
        assert not board.writers
        async with dial(port) as socket:
            await socket.send("words")
            assert await closing(socket) == (REFUSED, "a tunnel takes bytes, no text")


async def test_no_word_of_a_call_leads_elsewhere(world: World) -> None:
    """Ports and hosts in the query are nothing to it: it is the board's ssh, or nothing."""
    async with lent(world) as (port, board):
        query = f"reqs/1/tunnel?port={port}&host=127.0.0.1&target=127.0.0.1:{port}"
        async with dial(port, query) as socket:
            assert await socket.recv() == HELLO
        assert len(board.writers) == 1


async def test_only_so_many_are_open_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "PER_REQUEST", 2)
    async with lent(world) as (port, board):
        async with dial(port) as one, dial(port) as two:
            await one.recv(), await two.recv()
            async with dial(port) as third:
                code, words = await closing(third)
            assert (code, "close some" in words) == (REFUSED, True)
        for _ in range(2):
            await asyncio.wait_for(board.gone.acquire(), 20)
        async with dial(port) as again:
            assert await again.recv() == HELLO


async def test_who_has_no_right_to_the_board_gets_no_byte(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        await web.people.farm.requests.new_request(web.root, NewRequest(priority=8, caps={}))
        bob, reader = await web.secret("bob"), await web.secret("eve", scope=Scope.READ)
        async with served(web.app) as port:
            for headers, words in (
                ({}, "asks who calls"),
                ({"authorization": "Bearer boruta_p_000000000000_nonsense"}, "token"),
                ({"authorization": f"Bearer {bob}"}, "belongs to admin"),
                ({"authorization": f"Bearer {reader}"}, "scope"),
                ({"authorization": f"Bearer {web.root_secret}"}, "not assigned"),
            ):
                async with dial(port, **headers) as socket:
                    code, said = await closing(socket)
                assert (code, words in said) == (REFUSED, True), said


async def test_neither_side_is_read_faster_than_the_other_takes_it(world: World) -> None:
    """Whoever does not read stops the other one: what is on the way stays small."""
    async with lent(world) as (_, board):
        board.floods = True
        sent, received = 0, 0
        hello = asyncio.Event()

        async def receive() -> Message:
            nonlocal received
            received += 1
            return (
                {"type": "websocket.connect"}
                if received == 1
                else {"type": "websocket.receive", "bytes": bytes(PIECE)}
            )

        async def send(message: Message) -> None:
            nonlocal sent
            sent += 1
            if message["type"] == "websocket.send":
                hello.set()
                await asyncio.Event().wait()

        path = "/api/v1/reqs/1/tunnel"
        scope = {"type": "websocket", "path": path, "query_string": b"", "scheme": "ws"}
        scope |= {"headers": [(b"host", b"farm")], "raw_path": path.encode(), "subprotocols": []}
        carrying = asyncio.ensure_future(world.app(scope, receive, send))
        await asyncio.wait_for(hello.wait(), 20)
        before = (-1, -1)
        while before != (received, board.sent):
            before = (received, board.sent)
            await rest()
        assert sent == 2
        assert max(received * PIECE, board.sent) < 32 << 20
        carrying.cancel()
        await asyncio.gather(carrying, return_exceptions=True)
        board.writers[0].transport.abort()
