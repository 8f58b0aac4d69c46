"""The agent's streams: to its own SSH server and its own relay, for the session that is open."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from websockets.asyncio.server import ServerConnection, serve

from boruta_farm.dryad import streams as module
from boruta_farm.dryad.state import AgentState, Phase
from boruta_farm.dryad.streams import AgentStreams, RelayPlace, sshd_address
from boruta_farm.model.errors import BoardError, StaleEpochError

WITHIN = 20.0
TOKEN = "t" * 43
SESSION = AgentState(boot_id="b", epoch=3, phase=Phase.GRANTED, key="k")
ALL_BUFFERS = 64 << 20
STREAMS = "wss://farm.example/api/v1/stream"


@dataclass(slots=True)
class End:
    """One connection as the listener has it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ended(self) -> None:
        """Return when the other side has closed."""
        async with asyncio.timeout(WITHIN):
            try:
                while await self.reader.read(1 << 16):
                    pass
            except ConnectionError:
                return


class Listener:
    """Something that listens: the board's SSH server, or the relay."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer
        self.port = 0
        self.ends: asyncio.Queue[End] = asyncio.Queue()
        self.greetings: list[dict[str, object]] = []
        self._all: list[asyncio.StreamWriter] = []

    async def arrive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._all.append(writer)
        if self.answer is not None:
            self.greetings.append(json.loads(await reader.readline()))
            writer.write(self.answer)
        self.ends.put_nowait(End(reader, writer))

    async def next(self) -> End:
        """Return the next connection."""
        async with asyncio.timeout(WITHIN):
            return await self.ends.get()

    def close(self) -> None:
        """Hang up on everybody."""
        for writer in self._all:
            writer.transport.abort()


@asynccontextmanager
async def listening(answer: bytes | None = None) -> AsyncIterator[Listener]:
    listener = Listener(answer)
    server = await asyncio.start_server(listener.arrive, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        listener.close()
        await server.wait_closed()


@asynccontextmanager
async def agent(sshd: Listener, state: AgentState = SESSION) -> AsyncIterator[AgentStreams]:
    streams = AgentStreams("w1", RelayPlace(host="127.0.0.1"), lambda: f":{sshd.port}")
    streams.look(state)
    try:
        async with asyncio.timeout(WITHIN):
            yield streams
    finally:
        await streams.close()


async def flood(sink: asyncio.StreamWriter) -> int:
    """Send until nobody takes more for a while, or far too much; return how much it was."""
    sent = 0
    while sent < ALL_BUFFERS:
        sink.write(bytes(1 << 20))
        try:
            async with asyncio.timeout(0.5):
                await sink.drain()
        except TimeoutError:
            break
        sent += 1 << 20
    return sent


class WebSocketRelay:
    """A relay behind a WebSocket, which keeps what it got after the greeting."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def serve(self, connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(OPEN)
        async for message in connection:
            self.got.put_nowait(message)


Stand = tuple[AgentStreams, WebSocketRelay]
OPEN = b'{"stream": "open"}\n'


async def test_a_stream_joins_the_boards_sshd_and_the_relay() -> None:
    answer = OPEN + b"user's first words"
    async with listening() as sshd, listening(answer) as relay, agent(sshd) as streams:
        await streams.open_stream(3, TOKEN, relay.port)
        board, user = await sshd.next(), await relay.next()
        assert relay.greetings == [{"worker": "w1", "epoch": 3, "token": TOKEN}]
        assert await board.reader.readexactly(18) == b"user's first words"
        board.writer.write(b"banner")
        assert await user.reader.readexactly(6) == b"banner"
        user.writer.write_eof()
        assert await board.reader.read() == b""
        board.writer.write(b"and the rest")
        board.writer.write_eof()
        assert await user.reader.read() == b"and the rest"


@pytest.mark.parametrize(
    "state",
    [
        replace(SESSION, epoch=4),
        replace(SESSION, epoch=2),
        replace(SESSION, phase=Phase.ENDING),
        replace(SESSION, phase=Phase.ENDED),
        replace(SESSION, phase=Phase.CLEAN),
        replace(SESSION, phase=Phase.PREPARING),
    ],
)
async def test_only_for_the_session_that_is_open(state: AgentState) -> None:
    async with listening() as sshd, listening(OPEN) as relay, agent(sshd, state) as streams:
        with pytest.raises(StaleEpochError, match="epoch 3"):
            await streams.open_stream(3, TOKEN, relay.port)
        assert sshd.ends.empty()
        assert relay.ends.empty()


@pytest.mark.parametrize("phase", [Phase.ENDING, Phase.ENDED])
async def test_the_sessions_end_ends_its_streams_whatever_the_farm_says(phase: Phase) -> None:
    async with listening() as sshd, listening(OPEN) as relay, agent(sshd) as streams:
        await streams.open_stream(3, TOKEN, relay.port)
        board, user = await sshd.next(), await relay.next()
        streams.look(replace(SESSION, phase=phase))
        await board.ended()
        await user.ended()


async def test_a_session_that_ends_while_the_relay_is_dialled_gets_no_stream() -> None:
    async with listening() as sshd, listening(OPEN) as relay, agent(sshd) as streams:
        opening = asyncio.create_task(streams.open_stream(3, TOKEN, relay.port))
        board = await sshd.next()
        streams.look(replace(SESSION, epoch=4))
        await opening
        await board.ended()


async def test_an_sshd_that_is_down_is_told() -> None:
    async with listening(OPEN) as relay:
        async with listening() as sshd:
            pass
        async with agent(sshd) as streams:
            with pytest.raises(BoardError, match="SSH server does not answer"):
                await streams.open_stream(3, TOKEN, relay.port)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"stream": "refused"}\n', "refused the stream"),
        (b"HTTP/1.1 400 Bad Request\r\n", "cannot reach the relay"),
    ],
)
async def test_a_relay_that_does_not_open_is_told_and_the_sshd_let_go(
    answer: bytes, words: str
) -> None:
    async with listening() as sshd, listening(answer) as relay, agent(sshd) as streams:
        with pytest.raises(BoardError, match=words):
            await streams.open_stream(3, TOKEN, relay.port)
        await (await sshd.next()).ended()


async def test_a_relay_out_of_reach_is_told_without_the_token() -> None:
    async with listening(OPEN) as relay:
        pass
    async with listening() as sshd, agent(sshd) as streams:
        with pytest.raises(BoardError, match="relay_address") as raised:
            await streams.open_stream(3, TOKEN, relay.port)
        assert TOKEN not in str(raised.value)


@asynccontextmanager
async def websockets_only(sshd: Listener, relay_port: int | None) -> AsyncIterator[Stand]:
    """Run an agent whose streams can come over the server's port only."""
    relay = WebSocketRelay()
    async with serve(relay.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        place = RelayPlace(
            host="127.0.0.1", port=relay_port, url=f"ws://127.0.0.1:{port}/api/v1/stream"
        )
        streams = AgentStreams("w1", place, lambda: f":{sshd.port}")
        streams.look(SESSION)
        try:
            async with asyncio.timeout(WITHIN):
                yield streams, relay
        finally:
            await streams.close()


async def test_where_raw_tcp_gets_no_answer_a_websocket_is_tried_and_remembered() -> None:
    async with (
        listening() as sshd,
        listening(b"") as silent,
        websockets_only(sshd, silent.port) as (streams, relay),
    ):
        for _ in range(2):
            await streams.open_stream(3, TOKEN, 1)
            board = await sshd.next()
            board.writer.write(b"banner")
            assert await relay.got.get() == b"banner"
        assert len(silent.greetings) == 1, "what worked last is tried first"


async def test_while_the_relay_cannot_listen_streams_come_over_the_servers_port() -> None:
    async with listening() as sshd, websockets_only(sshd, None) as (streams, relay):
        await streams.open_stream(3, TOKEN, 0)
        (await sshd.next()).writer.write(b"banner")
        assert await relay.got.get() == b"banner"


async def test_a_relay_that_cannot_listen_is_told_where_there_is_no_other_way() -> None:
    async with listening() as sshd, agent(sshd) as streams:
        with pytest.raises(BoardError, match="listens at no port for streams just now"):
            await streams.open_stream(3, TOKEN, 0)


async def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    async with listening() as sshd, listening(OPEN) as relay, agent(sshd) as streams:
        await streams.open_stream(3, TOKEN, relay.port)
        with pytest.raises(BoardError, match="1 streams are open"):
            await streams.open_stream(3, TOKEN, relay.port)


@pytest.mark.parametrize("to_board", [True, False])
async def test_a_side_that_does_not_read_holds_the_other_back(to_board: bool) -> None:
    async with listening() as sshd, listening(OPEN) as relay, agent(sshd) as streams:
        await streams.open_stream(3, TOKEN, relay.port)
        board, user = await sshd.next(), await relay.next()
        sender, reader = (user, board) if to_board else (board, user)
        reader.reader._transport.pause_reading()  # type: ignore[attr-defined]  # no public way
        sent = await flood(sender.writer)
        assert sent < ALL_BUFFERS, "nothing held the sender back"


@pytest.mark.parametrize(
    ("announced", "dialled"),
    [
        (":22", ("127.0.0.1", 22)),
        ("0.0.0.0:2222", ("127.0.0.1", 2222)),
        ("[::]:22", ("127.0.0.1", 22)),
        ("127.0.0.1:2022", ("127.0.0.1", 2022)),
        ("[fd00::7]:22", ("fd00::7", 22)),
        ("10.0.0.7:22", ("10.0.0.7", 22)),
    ],
)
def test_the_sshd_is_the_boards_own(announced: str, dialled: tuple[str, int]) -> None:
    assert sshd_address(announced) == dialled


@pytest.mark.parametrize(
    ("server", "relay_address", "place"),
    [
        (
            "http://farm.example:8487",
            "",
            RelayPlace(host="farm.example", url="ws://farm.example:8487/api/v1/stream"),
        ),
        (
            "https://[fd00::1]/boruta",
            "",
            RelayPlace(host="fd00::1", url="wss://[fd00::1]/boruta/api/v1/stream"),
        ),
        (
            "https://farm.example",
            "gate.example:443",
            RelayPlace(host="gate.example", port=443, url=STREAMS),
        ),
        (
            "https://farm.example",
            "[fd00::2]:8488",
            RelayPlace(host="fd00::2", port=8488, url=STREAMS),
        ),
    ],
)
def test_the_relay_is_where_the_board_was_told(
    server: str, relay_address: str, place: RelayPlace
) -> None:
    assert RelayPlace.of(server, relay_address) == place
