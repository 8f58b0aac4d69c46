"""A site's relay: real ports, and servers each of which may go."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from tests.access.logs import logged
from tests.access.sockets import LOOPBACK, dialled, listening_board
from tests.access.switchboards import entry
from tests.access.wires import LocalWire, wire
from tests.dialled import listening
from tests.ports import free_port

from boruta_farm.access import messages
from boruta_farm.access.messages import Message, RouteEntry, decode, encode
from boruta_farm.access.outbox import SILENT_AFTER, MessageWire
from boruta_farm.access.site_process import (
    ServerDialler,
    SiteRelayPlan,
    digest_of,
    keep_linked,
    load_credential,
)
from boruta_farm.access.site_relay import SiteRelay
from boruta_farm.access.switchboard import Switchboard
from boruta_farm.model.errors import RefusedError, UnavailableError

WITHIN = 20.0


class FakeServer:
    """Be a server at the other end of a wire."""

    def __init__(self, end: LocalWire) -> None:
        self.end = end
        self.heard: list[Message] = []
        self._news = asyncio.Event()
        self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._ask())]

    async def _hear(self) -> None:
        while (text := await self.end.receive()) is not None:
            self.heard += [decode(line.encode()) for line in text.splitlines()]
            self._news.set()

    async def _ask(self) -> None:
        while True:
            await self.say(encode(messages.PING, sequence=1))
            await asyncio.sleep(1)

    async def say(self, line: bytes) -> None:
        await self.end.send(line.decode())

    async def want(self, *entries: RouteEntry) -> None:
        """Say the full set."""
        await self.say(encode(messages.BEGIN, listen="192.0.2.1"))
        for each in entries:
            await self.say(each.line(messages.ROUTE))
        await self.say(encode(messages.COMMIT))

    async def until(self, kind: str, **fields: object) -> None:
        """Return once the relay has said this."""
        async with asyncio.timeout(WITHIN):
            while not any(
                each.kind == kind and fields.items() <= each.fields.items() for each in self.heard
            ):
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.end.close(1000, "")


class Place:
    """Run a site's relay, and let servers come and go."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.board = Switchboard(asyncio.get_running_loop())
        self.relay = SiteRelay(self.board, LOOPBACK, "9")
        self._stack = stack

    async def server(self, name: str) -> FakeServer:
        near, far = wire()
        serving = asyncio.create_task(self.relay.serve(near, name))
        server = FakeServer(far)

        async def end() -> None:
            await server.close()
            async with asyncio.timeout(WITHIN):
                await serving

        self._stack.push_async_callback(end)
        return server


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        one = Place(stack)
        stack.push_async_callback(one.board.close)
        yield one


async def test_people_reach_a_board_of_the_site() -> None:
    port = free_port()
    async with place() as one, listening_board() as board:
        server = await one.server("farm-1")
        await server.until(messages.FOLLOW)
        await server.want(entry(board.port, port=port, epoch=1))
        await server.until(messages.BOUND, worker="w1", port=port)
        async with dialled(port) as user:
            peer = await board.next()
            await user.send(b"hello")
            assert await peer.receive(5) == b"hello"
            await server.until(messages.CONNECTIONS, worker="w1", count=1)
            await server.say(entry(board.port, port=port).line(messages.PUT))
            assert await user.end() == "reset"
        await server.say(encode(messages.DROP, worker="w1"))
        await server.until(messages.RELEASED, worker="w1", port=port)


async def test_another_server_takes_over_without_cutting_a_session() -> None:
    port = free_port()
    live = None
    async with place() as one, listening_board() as board:
        first, second = await one.server("farm-1"), await one.server("farm-2")
        live = entry(board.port, port=port, epoch=1)
        await first.until(messages.FOLLOW)
        await first.want(live)
        await second.until(messages.BOUND, worker="w1", port=port)
        assert not any(each.kind == messages.FOLLOW for each in second.heard)
        async with dialled(port) as user:
            peer = await board.next()
            await user.send(b"1")
            assert await peer.receive(1) == b"1"
            await first.close()
            await second.until(messages.FOLLOW)
            await user.send(b"2")
            assert await peer.receive(1) == b"2"
            await second.want(live)
            await user.send(b"3")
            assert await peer.receive(1) == b"3"
            third = await one.server("farm-3")
            await third.until(messages.BOUND, worker="w1", port=port)
            await third.until(messages.CONNECTIONS, worker="w1", count=1)


async def test_a_server_that_falls_silent_is_left() -> None:
    async with place() as one:
        first = await one.server("farm-1")
        second = await one.server("farm-2")
        await first.until(messages.FOLLOW)
        first.end.cut = True
        async with asyncio.timeout(SILENT_AFTER + 2):
            await second.until(messages.FOLLOW)


async def test_what_is_live_ends_on_time_without_any_server() -> None:
    port = free_port()
    async with place() as one, listening_board() as board:
        server = await one.server("farm-1")
        await server.want(entry(board.port, port=port, epoch=1, cut_in=1.5))
        await server.until(messages.BOUND, worker="w1")
        async with dialled(port) as user:
            peer = await board.next()
            await user.send(b"1")
            assert await peer.receive(1) == b"1"
            await server.close()
            assert await user.end() == "reset"


async def test_a_server_that_was_not_asked_is_not_obeyed() -> None:
    async with place() as one:
        first, second = await one.server("farm-1"), await one.server("farm-2")
        await first.until(messages.FOLLOW)
        async with logged("farm-2 is gone (relay protocol: 'put' was not asked for"):
            await second.say(entry(1, port=free_port(), epoch=1).line(messages.PUT))
        assert one.board.live == ()


async def test_a_port_that_is_taken_is_told() -> None:
    async with place() as one, listening_board() as board:
        server = await one.server("farm-1")
        await server.want(entry(1, port=board.port))
        await server.until(messages.BIND_FAILED, worker="w1", port=board.port)


async def test_a_server_is_dialled_until_it_answers() -> None:
    troubles = [UnavailableError("farm-1 is out of reach")] * 2
    far: asyncio.Queue[LocalWire] = asyncio.Queue()

    async def dial() -> MessageWire:
        if troubles:
            raise troubles.pop()
        near, other = wire()
        far.put_nowait(other)
        return near

    async with place() as one:
        linking = asyncio.create_task(keep_linked(one.relay, dial, "farm-1"))
        async with asyncio.timeout(WITHIN):
            server = FakeServer(await far.get())
            await server.until(messages.FOLLOW)
            await server.close()
            await far.get()
        linking.cancel()
        await asyncio.wait([linking])


async def test_a_server_that_knows_no_such_site_is_told_what_it_lacks() -> None:
    async with listening(HTTPStatus.FORBIDDEN) as (server, number):
        url = f"http://127.0.0.1:{number}"
        plan = SiteRelayPlan(site="lab-b", servers=(url,), listen="", credential="s3cret")
        with pytest.raises(RefusedError) as told:
            await ServerDialler(plan, url).dial()
        assert told.value.message == (
            f"{url} does not know this relay; put into its settings: [site.lab-b] with address, "
            f'this machine\'s, and credential = "{digest_of("s3cret")}"'
        )
        server.status = None
        socket = await ServerDialler(plan, url).dial()
        assert await socket.receive() == "welcome"
        await socket.close(1000, "")
        assert (server.headers, server.paths) == (["Bearer s3cret"], ["/api/v1/sites/lab-b/relay"])


def test_the_credential_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "credential"
    secret, new = load_credential(path)
    assert new
    assert load_credential(path) == (secret, False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(secret) == 43
    assert digest_of(secret).startswith("sha256:")
    assert secret not in digest_of(secret)
