"""Threat: one stranger takes the server's memory or time with connections, plain or under TLS."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from boruta_farm.model.errors import InvalidError, TooManyCallsError
from boruta_farm.server.http import connection
from boruta_farm.server.http.bounds import Bounds, Crowd
from boruta_farm.server.http.door import Door
from boruta_farm.web.events import (
    EXPLAINED_IN_ALL,
    EXPLAINED_PER_GUEST,
    Guest,
    StreamRoom,
)
from boruta_farm.web.explained import LOOK_EVERY
from boruta_farm.web.metrics import Traffic
from boruta_farm.web.services import WebOptions
from tests.server.speaking import WITHIN, Echo, Port, answers_in, speaking
from tests.web.peopled import peopled_web
from tests.web.serving import World, parse_answer

MEBIBYTE = 1024 * 1024
KERNEL = 16 * MEBIBYTE
"""More than both ends' socket buffers take together, TLS layers of the caller included."""
CALL = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "tls" else None


def resident() -> int:
    """Return how many bytes of memory this process, the server's too, holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def pour(writer: asyncio.StreamWriter, piece: bytes, most: int) -> int:
    """Send up to so many bytes and return how many were taken before the server cut us off."""
    sent = 0
    try:
        while sent < most:
            writer.write(piece)
            async with asyncio.timeout(WITHIN):
                await writer.drain()
            sent += len(piece)
    except (ConnectionError, ssl.SSLError):
        pass
    return sent


async def test_calls_whose_answers_nobody_reads_are_left_to_the_network(tls: Path | None) -> None:
    """39 MB of them made the server grow to 2 GB."""
    app = Echo()
    door = Door(bounds=Bounds(reader_patience=1.0))
    piece = b"GET /big?1000 HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    async with speaking(app, door=door, tls=tls) as port:
        reader, writer = await port.connect()
        pause_reading(reader)
        before = resident()
        sent = await pour(writer, piece, 40 * MEBIBYTE)
        grown = resident() - before
        writer.transport.abort()
    assert sent < KERNEL
    assert len(app.heard) * 1000 < KERNEL
    assert grown < 2 * KERNEL


def pause_reading(reader: asyncio.StreamReader) -> None:
    """Read nothing any more."""
    transport: asyncio.ReadTransport = reader._transport  # type: ignore[attr-defined]
    transport.pause_reading()


async def test_what_comes_behind_a_call_is_kept_up_to_a_bound(tls: Path | None) -> None:
    """While the application works on a call, bytes and not calls are kept, and few of them."""
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await Echo()(scope, receive, send)

    bounds = Bounds(ahead=1000)
    async with speaking(slow, door=Door(bounds=bounds), tls=tls) as port:
        reader, writer = await port.connect()
        pouring = asyncio.create_task(
            pour(writer, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3000, KERNEL)
        )
        done, _ = await asyncio.wait([pouring], timeout=1.0)
        assert not done, "the server took all of it"
        release.set()
        async with asyncio.timeout(WITHIN):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        pouring.cancel()
        writer.transport.abort()


@pytest.fixture
async def behind(tls: Path | None) -> AsyncIterator[tuple[Port, Echo, asyncio.StreamWriter]]:
    """Yield a server where somebody leaves 30 MB unread."""
    bounds = Bounds(reader_patience=2.0, unread_per_source=MEBIBYTE)
    app = Echo()
    async with speaking(app, door=Door(bounds=bounds), tls=tls) as port:
        reader, writer = await port.connect()
        writer.write(b"GET /big?30000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(WITHIN):
            await reader.readexactly(1)
        pause_reading(reader)
        yield port, app, writer
        writer.transport.abort()


async def test_a_stalled_reader_bars_his_source_until_he_is_cut(
    behind: tuple[Port, Echo, asyncio.StreamWriter],
) -> None:
    port, app, _ = behind
    [refused] = answers_in(await port.say(CALL))
    assert refused.status == 503
    assert b"wait to be read" in refused.body
    assert refused.headers["retry-after"]
    assert app.heard == ["GET /big"], "no work is done for a refused call"
    async with asyncio.timeout(WITHIN):
        while await served_status(port) != 200:
            pass


def test_unread_answers_are_counted_per_source_and_in_all() -> None:
    crowd = Crowd(Bounds(unread=100, unread_per_source=50))
    crowd.note("a", "192.0.2.1", 60)
    assert crowd.judge("192.0.2.1", "192.0.2.1") is not None
    assert crowd.judge("192.0.2.2", "192.0.2.2") is None
    crowd.note("b", "192.0.2.2", 40)
    assert crowd.judge("192.0.2.3", "192.0.2.3") is not None
    crowd.note("a", "192.0.2.1", 10)
    assert crowd.judge("192.0.2.1", "192.0.2.1") is None
    crowd.note("a", "192.0.2.1", 0)
    crowd.note("b", "192.0.2.2", 0)
    assert crowd.judge("192.0.2.2", "192.0.2.2") is None


async def test_the_body_of_a_refused_call_has_a_size(tls: Path | None) -> None:
    """72 MB were taken after a 401."""
    door = Door(bounds=Bounds(refused_body=MEBIBYTE))
    async with speaking(Echo(), door=door, tls=tls) as port:
        _, writer = await port.connect()
        writer.write(b"POST /refuse HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = await pour(writer, b"10000\r\n" + b"x" * 65536 + b"\r\n", 72 * MEBIBYTE)
        writer.transport.abort()
    assert sent < KERNEL


@pytest.mark.parametrize(
    "length", [b"Content-Length: 100", b"Content-Length: 9999999", b"Transfer-Encoding: chunked"]
)
async def test_the_body_of_a_refused_call_has_a_time(tls: Path | None, length: bytes) -> None:
    """A drip kept the connection for 100 s and more."""
    door = Door(bounds=Bounds(body_patience=0.5))
    async with speaking(Echo(), door=door, tls=tls) as port:
        reader, writer = await port.connect()
        writer.write(b"POST /refuse HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % length)
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(WITHIN):
            while not ended.done():
                writer.write(b"1" if b"chunked" not in length else b"1\r\nx\r\n")
                await asyncio.wait([ended], timeout=0.1)
        ended.exception()
        async with asyncio.timeout(WITHIN):
            while not writer.is_closing():
                writer.write(b"1" if b"chunked" not in length else b"1\r\nx\r\n")
                await asyncio.sleep(0.1)


async def test_connections_are_counted_per_source(tls: Path | None) -> None:
    door = Door(bounds=Bounds(connections_per_source=3))
    async with speaking(Echo(), door=door, tls=tls) as port:
        held = [await port.connect() for _ in range(3)]
        # Plain callers are told why; under TLS there is nobody to tell yet.
        assert await served_status(port) == (503 if tls is None else None)
        held[0][1].close()
        async with asyncio.timeout(WITHIN):
            while await served_status(port) != 200:
                pass
        for _, writer in held:
            writer.transport.abort()


async def served_status(port: Port) -> int | None:
    """Return how one call is answered, None where the connection is not even opened."""
    try:
        reader, writer = await port.connect()
    except (ConnectionError, ssl.SSLError):
        return None
    try:
        writer.write(CALL)
        async with asyncio.timeout(WITHIN):
            return next(answers_in(await reader.read())).status
    except ConnectionError:
        # The refusal was out before the call came.
        return None if port.authority else 503
    finally:
        writer.transport.abort()


def test_a_network_of_ipv6_is_one_source_and_a_proxy_is_none() -> None:
    crowd = Crowd(Bounds(connections=10, connections_per_source=2), (ip_network("10.0.0.0/8"),))
    assert crowd.enter("2001:db8::1") == crowd.enter("2001:db8::2") == "2001:db8::/64"
    assert crowd.enter("2001:db8::3") is None
    assert all(crowd.enter("10.1.1.1") for _ in range(8)), "many come through a trusted proxy"
    assert crowd.enter("10.1.1.1") is None, "the limit over all holds for everybody"


SILENT = {
    "nothing": b"",
    "half a head": b"GET /a HTTP/1.1\r\nHo",
    "half a body": b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    "a call, and no farewell": b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a call, and no end": CALL,
}


async def crowded(port: Port, said: bytes) -> list[asyncio.StreamWriter]:
    """Fill ten places from two addresses that say this and no more."""
    writers = []
    for number in range(10):
        stranger = f"127.0.0.{2 + number % 2}"
        reader, writer = await port.connect(stranger)
        writer.write(said)
        await writer.drain()
        if b"\r\n\r\n" in said and b"{" not in said:
            await reader.readuntil(b"\r\n\r\n")
        writers.append(writer)
    return writers


@pytest.mark.parametrize("said", SILENT.values(), ids=SILENT.keys())
async def test_few_addresses_that_say_little_lock_nobody_out(said: bytes, tls: Path | None) -> None:
    """Three of them, each within its own bound, had all places for as long as they liked."""
    door = Door(bounds=Bounds(connections=10, connections_per_source=5))
    async with speaking(Echo(), door=door, tls=tls) as port:
        writers = await crowded(port, said)
        for _ in range(3):
            assert next(answers_in(await port.say(CALL))).status == 200
        for writer in writers:
            writer.transport.abort()


async def test_websockets_of_strangers_lock_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link gives everybody ten seconds to say whose he is; then he keeps his place."""
    monkeypatch.setattr(connection, "STRANGER", 0.2)
    door = Door(bounds=Bounds(connections=2, connections_per_source=2))
    async with speaking(World().app, door=door) as port:
        for known in (False, True):
            async with (
                connect(link(port), proxy=None, local_addr=("127.0.0.2", 0)),
                connect(link(port), proxy=None, local_addr=("127.0.0.2", 0)),
            ):
                await asyncio.sleep(0.3 if known else 0)
                refused = next(answers_in(await port.say(CALL))).status == 503
                assert refused is known


async def test_who_is_at_a_call_is_not_cut_for_others() -> None:
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.release()
        await go_on.wait()
        await Echo()(scope, receive, send)

    door = Door(bounds=Bounds(connections=2, connections_per_source=2))
    async with speaking(app, door=door) as port:
        callers = [await port.connect("127.0.0.2") for _ in range(2)]
        for _, writer in callers:
            writer.write(CALL)
            await begun.acquire()
        assert next(answers_in(await port.say(CALL))).status == 503
        go_on.set()
        for reader, writer in callers:
            assert next(answers_in(await reader.read())).status == 200
            writer.close()


def test_room_is_made_by_who_has_most_and_never_for_who_has_as_much() -> None:
    cut: list[str] = []
    crowd = Crowd(Bounds(connections=3), (ip_network("10.0.0.0/8"),))
    for name, host in (("first", "192.0.2.1"), ("second", "192.0.2.1"), ("proxy", "10.1.1.1")):
        source = crowd.enter(host)
        assert source is not None
        crowd.wait(name, source, host, partial(cut.append, name))
    assert crowd.enter("192.0.2.1") is None
    assert crowd.enter("192.0.2.2") == "192.0.2.2"
    assert cut == ["first"]
    crowd.leave("192.0.2.1")
    assert crowd.enter("192.0.2.2") is None, "it would have more than the other"
    assert cut == ["first"]


def link(port: Port) -> str:
    return f"ws://127.0.0.1:{port.number}/api/v1/link"


async def flood(socket: ClientConnection, frame: Frame, count: int) -> None:
    """Send one frame many times, past all that the library would ask."""
    piece = frame.serialize(mask=True) * 1000
    for _ in range(count // 1000):
        if socket.transport.is_closing():
            break
        socket.transport.write(piece)
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (Frame(Opcode.PING, b""), "too many pings"),
        (Frame(Opcode.CONT, b"", fin=False), "a message of too many frames"),
    ],
)
async def test_a_flood_of_frames_ends_the_websocket(frame: Frame, words: str) -> None:
    """200,000 pings stalled everybody for 2.8 s."""
    async with speaking(World().app) as port:
        async with connect(link(port), compression=None, proxy=None) as socket:
            if frame.opcode is Opcode.CONT:
                socket.transport.write(Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True))
            await flood(socket, frame, 20_000)
            with pytest.raises(ConnectionClosed) as closed:
                async with asyncio.timeout(WITHIN):
                    await socket.recv()
        if closed.value.rcvd is not None:
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, words)


async def test_who_sends_more_frames_than_allowed_waits_and_loses_none() -> None:
    door = Door(bounds=Bounds(websocket_frames=50.0))
    loop = asyncio.get_running_loop()
    async with (
        speaking(World().app, door=door) as port,
        connect(link(port), compression=None, proxy=None) as socket,
    ):
        began = loop.time()
        for number in range(150):
            await socket.send(f"message {number}")
        async with asyncio.timeout(WITHIN):
            told = [await socket.recv() for _ in range(150)]
        # A second's worth comes at once, the rest at the rate; slow machines take longer.
        assert loop.time() - began > 1.0
    assert told == [f"MESSAGE {number}" for number in range(150)]


async def test_a_board_cannot_fill_journal_and_audit() -> None:
    """An enrolled board registered 2,700 times a second, each time with another capability."""
    async with World() as world:
        for number in range(10):
            await world.register("board-1", "one", {"n": str(number)})
        written = len(await world.store.events(0, 1000))
        for number in range(100):
            with pytest.raises(TooManyCallsError, match="this board"):
                await world.register("board-1", "one", {"n": str(number)})
        reported = 0
        for _ in range(100):
            with contextlib.suppress(TooManyCallsError, InvalidError):
                await world.farm.superviser.set_fail("board-1", "again")
                reported += 1
        assert reported <= 10
        assert len(await world.store.events(0, 1000)) <= written + 10
        await world.register("board-2", "two", {})


async def test_one_account_does_not_take_all_event_streams() -> None:
    """A viewer's 1,000 streams used up the limit of all."""
    room = StreamRoom(10, Traffic(), source=9, account=2)
    ann, ben = (Guest(source="192.0.2.1", account=name) for name in ("ann", "ben"))
    for _ in range(2):
        room.check(ann)
        room.enter(ann)
    with pytest.raises(TooManyCallsError, match="this account"):
        room.check(ann)
    room.check(ben)
    room.leave(ann)
    room.check(ann)


async def test_one_source_does_not_take_all_event_streams() -> None:
    options = WebOptions(event_streams=10, event_streams_per_source=2)
    async with World(options) as world, speaking(world.app) as port:
        call = b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n"
        held = []
        for _ in range(2):
            reader, writer = await port.connect()
            writer.write(call)
            async with asyncio.timeout(WITHIN):
                await reader.readuntil(b"listening")
            held.append(writer)
        answer = parse_answer(
            await port.say(call.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        )
        for writer in held:
            writer.transport.abort()
    assert answer.status == 429
    assert b"event streams of this address" in answer.body


async def test_streams_that_are_asked_for_all_at_once_are_no_more_than_allowed() -> None:
    """Each was let in while none of the others counted yet."""
    options = WebOptions(event_streams=10, event_streams_per_source=2)
    call = b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n"

    async def is_let_in(reader: asyncio.StreamReader) -> bool:
        said = b""
        while b"listening" not in said and b"event streams" not in said:
            more = await reader.read(4096)
            assert more, said
            said += more
        return b"listening" in said

    async with World(options) as world, speaking(world.app) as port:
        ends = [await port.connect() for _ in range(20)]
        for _, writer in ends:
            writer.write(call)
        try:
            async with asyncio.timeout(WITHIN):
                let_in = sum(await asyncio.gather(*(is_let_in(reader) for reader, _ in ends)))
        finally:
            for _, writer in ends:
                writer.transport.abort()
    assert let_in == 2


async def test_one_account_s_explanations_do_not_take_the_loop() -> None:
    """A hundred streams with ten requests each took more than a second of every second."""
    room = StreamRoom(10_000, Traffic(), source=10_000, account=100)
    ann, ben = (Guest(source="192.0.2.1", account=name) for name in ("ann", "ben"))
    room.enter(ben, 10)
    for _ in range(100):
        room.enter(ann, 10)
    assert room.pause(ben) == LOOK_EVERY
    assert 1000 / room.pause(ann) == EXPLAINED_PER_GUEST
    many = [Guest(source="192.0.2.1", account=str(number)) for number in range(98)]
    for guest in many:
        room.enter(guest, EXPLAINED_PER_GUEST)
    in_all = sum(EXPLAINED_PER_GUEST / room.pause(guest) for guest in many)
    assert in_all <= EXPLAINED_IN_ALL
    for guest in many:
        room.leave(guest, EXPLAINED_PER_GUEST)
    for _ in range(100):
        room.leave(ann, 10)
    assert room.pause(ann) == LOOK_EVERY


async def test_to_ask_for_ten_explanations_is_no_single_call(tmp_path: Path) -> None:
    async with peopled_web(tmp_path, WebOptions(calls_per_account=100)) as web:
        ann = await web.secret("ann")
        asked = "&".join(f"explain={number}" for number in range(10))
        answers = [(await web.call("GET", f"events?{asked}", ann)).status for _ in range(100)]
        # None of these requests is there: what is counted is counted before that is found out.
        assert set(answers) == {404, 429}
        assert answers.count(404) <= 500 / 10
