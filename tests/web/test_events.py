import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.web.journal import FakeJournal
from tests.web.serving import NewWorld, World, raw_call, served

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.events import Event, EventKind
from boruta_farm.model.request import NewRequest
from boruta_farm.web import events
from boruta_farm.web.app import build_app
from boruta_farm.web.services import WebOptions

CREATED = EventKind.REQUEST_CREATED
STATE = EventKind.WORKER_STATE
UUID = "00000000-0000-4000-8000-000000000001"


class ToldWorld(World):
    """Stream what the test tells instead of what the farm does."""

    def __init__(self, options: WebOptions | None = None) -> None:
        super().__init__(options)
        self.journal = FakeJournal()
        self.services = replace(self.services, feed=self.journal.feed(), events=self.journal.events)
        self.app = build_app(self.services, self.options)


@pytest.fixture
async def world() -> AsyncIterator[ToldWorld]:
    async with ToldWorld() as opened:
        yield opened


class Reader:
    """Read one event stream, block by block."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._text = b""
        self.head = b""

    async def start(self) -> None:
        self.head = await self._reader.readuntil(b"\r\n\r\n")

    async def block(self) -> str:
        """Return the next block, or an empty text at the end."""
        async with asyncio.timeout(60):
            while b"\n\n" not in self._text:
                size = int(await self._reader.readline(), 16)
                self._text += (await self._reader.readexactly(size + 2))[:-2]
                if size == 0:
                    return ""
        block, _, self._text = self._text.partition(b"\n\n")
        return block.decode()

    async def numbers(self, count: int) -> list[int]:
        """Return the numbers of the next events."""
        return [
            json.loads((await self.block()).rpartition("data: ")[2])["Number"] for _ in range(count)
        ]


@asynccontextmanager
async def streaming(port: int, query: str = "", last: str = "") -> AsyncIterator[Reader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    extra = f"Last-Event-ID: {last}\r\n" if last else ""
    writer.write(f"GET /api/v1/events{query} HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode())
    stream = Reader(reader)
    try:
        await stream.start()
        assert (await stream.block()).startswith("retry:")
        yield stream
    finally:
        writer.close()
        await writer.wait_closed()


def tell(world: ToldWorld, *requests: int) -> None:
    """Commit one event for each request, all in one batch."""
    first = world.journal.happened(CREATED).number
    world.journal.tell(
        *(
            replace(
                world.journal.happened(CREATED, request_id, state="WAITING"), number=first + offset
            )
            for offset, request_id in enumerate(requests)
        )
    )


async def test_events_come_as_they_happen(world: ToldWorld) -> None:
    async with served(world.app) as port, streaming(port) as stream:
        assert b"content-type: text/event-stream\r\n" in stream.head
        assert b"x-accel-buffering: no\r\n" in stream.head
        world.journal.tell(world.journal.happened(STATE, worker="w", state="IDLE"))
        assert await stream.block() == (
            "id: 1\nevent: worker.state\n"
            'data: {"Number":1,"At":"2026-11-23T20:07:42.739845Z","Kind":"worker.state",'
            '"Request":null,"Worker":"w","State":"IDLE","Reason":null}'
        )


async def test_nothing_is_lost_or_told_twice_after_a_reconnect(world: ToldWorld) -> None:
    tell(world, *range(1, 4))
    async with served(world.app) as port, streaming(port, last="1") as stream:
        assert await stream.numbers(2) == [2, 3]
        tell(world, 4, 5)
        assert await stream.numbers(2) == [4, 5]


async def test_a_long_absence_is_read_in_pages(
    monkeypatch: pytest.MonkeyPatch, world: ToldWorld
) -> None:
    monkeypatch.setattr(events, "REPLAY_PAGE", 2)
    tell(world, *range(1, 8))
    async with served(world.app) as port, streaming(port, last="2") as stream:
        assert await stream.numbers(5) == [3, 4, 5, 6, 7]


async def test_what_happens_during_the_replay_is_told_once(world: ToldWorld) -> None:
    tell(world, 1, 2)
    read = world.journal.events

    async def events_with_news(after: int, limit: int) -> tuple[Event, ...]:
        if after == 1 and limit > 1 and len(world.journal.kept) == 2:
            tell(world, 3)
        return await read(after, limit)

    app = build_app(replace(world.services, events=events_with_news), world.options)
    async with served(app) as port, streaming(port, last="1") as stream:
        assert await stream.numbers(2) == [2, 3]
        tell(world, 4)
        assert await stream.numbers(1) == [4]


@pytest.mark.parametrize("last", ["9", "1"])
async def test_an_unknown_number_is_told_so_and_the_stream_goes_on(
    last: str, world: ToldWorld
) -> None:
    tell(world, 1, 2, 3)
    del world.journal.kept[:2]
    async with served(world.app) as port, streaming(port, last=last) as stream:
        block = await stream.block()
        assert block.startswith("id:\nevent: resync\n")
        tell(world, 4)
        assert await stream.numbers(1) == [4]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?request=2", [2, 5]),
        ("?request=1&request=2", [1, 2, 4, 5]),
        ("?worker=w", [3, 5]),
        ("?request=2&worker=w", [5]),
    ],
)
async def test_filters(query: str, numbers: list[int], world: ToldWorld) -> None:
    async with served(world.app) as port, streaming(port, query) as stream:
        for request_id, worker in ((1, None), (2, None), (None, "w"), (1, "v"), (2, "w")):
            world.journal.tell(world.journal.happened(CREATED, request_id, worker))
        assert await stream.numbers(len(numbers)) == numbers


async def test_a_reader_that_falls_behind_is_told_so(
    monkeypatch: pytest.MonkeyPatch, world: ToldWorld
) -> None:
    monkeypatch.setattr(events, "BOUND", 3)
    async with served(world.app) as port, streaming(port) as stream:
        tell(world, *range(1, 5))
        assert (await stream.block()).startswith("event: resync\n")
        assert await stream.block() == ""


async def test_explanations_are_told_at_once_and_whenever_they_change(world: ToldWorld) -> None:
    other = (await world.requests.new_request(LOCAL_ADMIN, NewRequest(caps={}, priority=8))).id
    await world.lend(UUID, "board-1", {})
    request_id = (await world.requests.new_request(LOCAL_ADMIN, NewRequest(caps={}, priority=8))).id
    query = f"?request={other}&explain={request_id}"
    async with served(world.app) as port, streaming(port, query) as reader:
        block = await reader.block()
        assert block.startswith("event: request.explained\ndata: {")
        told = json.loads(block.partition("data: ")[2])
        assert (told["ID"], told["State"]) == (request_id, "WAITING")
        assert told["Cause"] == "boards are busy"
        tell(world, other)
        assert await reader.numbers(1)
        await world.requests.close_request(LOCAL_ADMIN, request_id)
        tell(world, other)
        assert await reader.numbers(1)
        told = json.loads((await reader.block()).partition("data: ")[2])
        assert (told["ID"], told["State"]) == (request_id, "CANCELLED")


async def test_a_quiet_stream_shows_that_it_lives() -> None:
    async with (
        ToldWorld(WebOptions(heartbeat=0.01)) as world,
        served(world.app) as port,
        streaming(port, "?request=7") as stream,
    ):
        assert (await stream.block()).startswith(":")
        tell(world, 1)
        assert (await stream.block()).startswith(":")


async def test_a_reader_that_leaves_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, world: ToldWorld
) -> None:
    dropped = asyncio.Event()
    monkeypatch.setattr(world.services.feed, "drop", lambda _subscription: dropped.set())
    async with served(world.app) as port:
        async with streaming(port):
            assert not dropped.is_set()
        await asyncio.wait_for(dropped.wait(), 5)


async def test_stopping_ends_the_streams(world: ToldWorld) -> None:
    async with served(world.app) as port, streaming(port) as stream:
        world.app.stop()
        assert await stream.block() == ""


async def test_no_more_streams_than_allowed() -> None:
    async with (
        ToldWorld(WebOptions(event_streams=1)) as world,
        served(world.app) as port,
        streaming(port),
    ):
        answer = await raw_call(port, "GET", "/api/v1/events")
    assert answer.status == 503


@pytest.mark.parametrize(
    ("query", "last"),
    [("?request=x", ""), ("?request=-1", ""), ("?explain=x", ""), ("", "x"), ("", "-1")],
)
async def test_refuses_what_it_cannot_read(query: str, last: str, world: ToldWorld) -> None:
    headers = {"Last-Event-ID": last} if last else {}
    async with world.client() as client:
        answer = await client.get(f"/api/v1/events{query}", headers=headers)
    assert answer.status_code == 400


async def test_records_are_told_before_their_events_without_what_is_their_owners(
    new_world: NewWorld,
) -> None:
    world = await new_world()
    async with served(world.app) as port, streaming(port, "?records=1") as stream:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
        new = NewRequest(caps={"board": "rpi4"}, priority=8, ssh_key=key)
        await world.requests.new_request(LOCAL_ADMIN, new)
        record, event = await stream.block(), await stream.block()
        assert record.startswith("event: request.record\ndata: {")
        told = json.loads(record.rpartition("data: ")[2])
        assert (told["ID"], told["State"], told["Caps"]) == (1, "WAITING", {"board": "rpi4"})
        assert key not in record
        assert event.startswith("id: ")
        await world.register(UUID, "rpi4", {"board": "rpi4"})
        record, event = await stream.block(), await stream.block()
        assert record.startswith("event: worker.record\ndata: {")
        assert json.loads(record.rpartition("data: ")[2])["Name"] == "rpi4"
        await world.workers.deregister(LOCAL_ADMIN, UUID)
        said = [await stream.block()]
        while "worker.deregistered" not in said[-1]:
            said.append(await stream.block())
        assert not any("worker.record" in block for block in said), "what is gone has no record"
