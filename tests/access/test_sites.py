"""What a server tells the relays of sites, and what it believes them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from tests.access.logs import logged
from tests.access.relays import CLOCK, route
from tests.access.wires import LocalWire, wire

from boruta_farm.access import messages, outbox
from boruta_farm.access.messages import Message, decode, encode
from boruta_farm.access.routes import BindFailure, TunnelRoute
from boruta_farm.access.sites import REPLACED, SitePlace, Sites
from boruta_farm.model.worker import Reach

WITHIN = 20.0
SECRET = "s" * 43
PLACES = {
    name: SitePlace(address=address, digest=hashlib.sha256(SECRET.encode()).hexdigest())
    for name, address in (("lab-b", "198.51.100.7"), ("lab-c", "198.51.100.9"))
}
PORTS = {"w1": 20_001, "w2": 20_002}
BOARD = replace(route(22, PORTS["w1"], epoch=3), host="10.2.0.7", site="lab-b", reach=Reach.AUTO)
ELSEWHERE = replace(route(22, PORTS["w2"], worker="w2"), host="10.3.0.7", site="lab-c")


class FakeRelay:
    """Remember what the server's own relay is told."""

    def __init__(self) -> None:
        self.routes: dict[str, TunnelRoute] = {}

    async def keep_at_hand(self) -> None:
        raise NotImplementedError

    def replace(self, routes: Iterable[TunnelRoute]) -> None:
        self.routes = {route.worker: route for route in routes}

    def put(self, route: TunnelRoute) -> None:
        self.routes[route.worker] = route

    def drop(self, worker: str) -> None:
        self.routes.pop(worker, None)

    async def settle(self) -> None:
        raise NotImplementedError

    def failing(self, worker: str) -> bool:
        return False

    async def failure(self) -> BindFailure:
        raise NotImplementedError

    def visits(self, worker: str) -> int:
        return 2

    def signed_in(self, worker: str, epoch: int, ports: tuple[int, ...]) -> None:
        raise NotImplementedError

    def connections(self, worker: str) -> int:
        return 1

    def alive(self) -> str | None:
        return None

    def well_since(self) -> datetime | None:
        return CLOCK.now()


class Visitor:
    """Be a site's relay at the other end of a wire."""

    def __init__(self, end: LocalWire, serving: "asyncio.Task[None]") -> None:
        self.end = end
        self.serving = serving
        self._lines: list[Message] = []

    async def say(self, kind: str, **fields: messages.Value) -> None:
        await self.end.send(encode(kind, **fields).decode())

    async def binds(self, worker: str, held: Sites) -> None:
        """Tell that a worker's port is bound here, and see it believed."""
        port = PORTS[worker]
        assert held.address(worker, port) == ""
        await self.say(messages.BOUND, worker=worker, port=port)
        await self.taken()
        assert held.address(worker, port)

    async def hear(self) -> Message:
        """Return the next word that is no question for life."""
        async with asyncio.timeout(WITHIN):
            while True:
                while not self._lines:
                    text = await self.end.receive()
                    assert text is not None
                    self._lines = [decode(line.encode()) for line in text.splitlines()]
                if (message := self._lines.pop(0)).kind != messages.PING:
                    return message

    async def told(self) -> list[str]:
        """Return the workers of the full set that is told next."""
        assert (await self.hear()).kind == messages.BEGIN
        workers = []
        while (message := await self.hear()).kind == messages.ROUTE:
            assert message.text("reach") == Reach.DIRECT
            workers.append(message.text("worker"))
        assert message.kind == messages.COMMIT
        return workers

    async def taken(self) -> None:
        """Return once the server has heard all."""
        async with asyncio.timeout(WITHIN):
            await self.end.taken()


def sites(*routes: TunnelRoute) -> tuple[Sites, FakeRelay]:
    relay = FakeRelay()
    held = Sites(relay, PLACES, CLOCK)
    held.replace(routes)
    return held, relay


@asynccontextmanager
async def visitor(held: Sites, site: str = "lab-b") -> AsyncIterator[Visitor]:
    near, far = wire()
    serving = asyncio.create_task(held.serve(near, site, "192.0.2.1"))
    one = Visitor(far, serving)
    await one.say(messages.HELLO, version="9")
    try:
        yield one
    finally:
        await far.close(1000, "")
        async with asyncio.timeout(WITHIN):
            await serving


async def test_a_board_of_the_site_is_reached_there_once_its_port_is_bound() -> None:
    held, relay = sites(BOARD, ELSEWHERE)
    assert held.address("w1", 20_001) == ""
    async with visitor(held) as one:
        await one.say(messages.FOLLOW)
        assert await one.told() == ["w1"]
        await one.binds("w1", held)
        assert held.address("w1", 20_001) == "198.51.100.7"
        assert held.address("w1", 20_005) == ""
        assert held.connected == {"lab-b": True, "lab-c": False}
    assert held.address("w1", 20_001) == ""
    assert held.connected == {"lab-b": False, "lab-c": False}
    # Whatever the site's relay does, the one here knows all.
    assert relay.routes == {"w1": BOARD, "w2": ELSEWHERE}


async def test_changes_go_where_the_board_is() -> None:
    held, relay = sites(BOARD)
    async with visitor(held, "lab-b") as b, visitor(held, "lab-c") as c:
        await b.say(messages.FOLLOW)
        await c.say(messages.FOLLOW)
        assert (await b.told(), await c.told()) == (["w1"], [])
        over = replace(BOARD, epoch=None, cut=None)
        held.put(over)
        message = await b.hear()
        assert (message.kind, message.fields["epoch"]) == (messages.PUT, None)
        held.put(replace(over, site="lab-c"))
        assert (await b.hear()).kind == messages.DROP
        assert (await c.hear()).kind == messages.PUT
        held.drop("w1")
        assert (await c.hear()).kind == messages.DROP
    assert relay.routes == {}


async def test_a_relay_that_follows_another_server_is_told_nothing_but_believed() -> None:
    held, _ = sites(BOARD)
    async with visitor(held) as one:
        await one.binds("w1", held)
        held.put(replace(BOARD, epoch=4))
        await one.say(messages.FOLLOW)
        assert await one.told() == ["w1"]


async def test_what_answers_on_a_loopback_is_never_dialled_from_a_site() -> None:
    held, _ = sites(replace(BOARD, host="127.0.0.1"), replace(BOARD, worker="w9", host="fe80::1"))
    async with visitor(held) as one:
        await one.say(messages.FOLLOW)
        assert await one.told() == []
        await one.say(messages.BOUND, worker="w1", port=20_001)
        await one.say(messages.FOLLOW)
        assert await one.told() == []
        assert held.address("w1", 20_001) == ""


async def test_a_site_is_believed_nothing_about_boards_elsewhere() -> None:
    held, _ = sites(BOARD, ELSEWHERE)
    used: list[tuple[str, int]] = []
    held.on_used = lambda worker, epoch: used.append((worker, epoch))
    async with visitor(held) as one:
        for worker in ("w2", "w1"):
            await one.say(messages.BOUND, worker=worker, port=20_002)
            await one.say(messages.CONNECTIONS, worker=worker, count=5)
            await one.say(messages.USED, worker=worker, epoch=3)
        await one.taken()
        assert used
        assert used == [("w1", 3)]
        assert (held.connections("w1"), held.visits("w1")) == (6, 3)
        assert (held.connections("w2"), held.visits("w2")) == (1, 2)
        assert held.address("w2", 20_002) == ""
    assert held.connections("w1") == 1


async def test_a_port_that_is_taken_at_the_site_leaves_its_board_here() -> None:
    held, _ = sites(BOARD)
    async with visitor(held) as one:
        await one.binds("w1", held)
        async with logged("port 20001 of worker w1 cannot be bound there: taken"):
            await one.say(messages.BIND_FAILED, worker="w1", port=20_001, reason="taken")
        assert held.address("w1", 20_001) == ""


async def test_a_relay_that_falls_silent_counts_as_gone() -> None:
    held, _ = sites(BOARD)
    async with visitor(held) as one:
        await one.binds("w1", held)
        one.end.cut = True
        async with asyncio.timeout(outbox.SILENT_AFTER + 1):
            await one.serving
        assert held.address("w1", 20_001) == ""


async def test_the_newest_relay_of_a_site_counts() -> None:
    held, _ = sites(BOARD)
    async with visitor(held) as old:
        await old.binds("w1", held)
        async with visitor(held):
            async with asyncio.timeout(WITHIN):
                await old.serving
            assert held.address("w1", 20_001) == ""
            assert held.connected["lab-b"]
    assert REPLACED == 4409


async def test_one_that_speaks_nonsense_is_hung_up_on() -> None:
    held, _ = sites(BOARD)
    async with visitor(held) as one, logged("its relay went away (relay protocol"):
        await one.end.send("what?\n")
        async with asyncio.timeout(WITHIN):
            await one.serving


def test_only_the_credential_of_the_very_site_admits() -> None:
    held, _ = sites()
    assert held.admits("lab-b", SECRET)
    assert not held.admits("lab-b", SECRET[:-1])
    assert not held.admits("lab-b", None)
    assert not held.admits("lab-d", SECRET)
