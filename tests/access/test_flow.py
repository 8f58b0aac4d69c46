import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from tests.access.sockets import tcp_pair

from boruta_farm.access.flow import Copier, Flow
from boruta_farm.access.splice import Splicer, Stay

WITHIN = 60.0
BULK = 64 * 1024


class Line:
    """One flow from ``client`` to ``board``."""

    def __init__(self, splicer: Splicer) -> None:
        self.client, self.source = tcp_pair()
        self.sink, self.board = tcp_pair()
        self.loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[bool] = self.loop.create_future()
        self.copier = Copier(self.loop, splicer, bulk=BULK)
        self.flow = Flow(self.copier, self.source, self.sink, self.ended.set_result)

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(WITHIN):
            await self.loop.sock_sendall(self.client, data)

    async def receive(self, size: int) -> bytes:
        received = bytearray()
        async with asyncio.timeout(WITHIN):
            while len(received) < size:
                data = await self.loop.sock_recv(self.board, 1 << 20)
                if not data:
                    break
                received += data
        return bytes(received)

    async def end(self) -> bool:
        async with asyncio.timeout(WITHIN):
            return await self.ended

    def close(self) -> None:
        for side in (self.client, self.source, self.sink, self.board):
            side.close()


class Watched(Splicer):
    """Tell how often a stream went to a thread and came back."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.lent = 0
        self.back = asyncio.Event()

    def lend(
        self, source: int, sink: int, stopped: Callable[[], bool], done: Callable[[Stay], None]
    ) -> bool:
        lent = super().lend(source, sink, stopped, done)
        self.lent += lent
        return lent

    def take_back(self) -> None:
        super().take_back()
        self.back.set()


@pytest.fixture
async def splicer() -> AsyncIterator[Watched]:
    made = Watched(2)
    yield made
    made.close()


@pytest.fixture
async def line(splicer: Watched) -> AsyncIterator[Line]:
    made = Line(splicer)
    yield made
    if not made.flow.over:
        made.flow.stop()
        made.source.shutdown(socket.SHUT_RDWR)
        await made.end()
    made.close()


async def test_early_bytes_keep_their_order(line: Line) -> None:
    await line.send(b"first ")
    line.flow.start()
    await line.send(b"second")
    assert await line.receive(12) == b"first second"


async def test_a_half_close_is_passed_on_after_the_last_byte(line: Line) -> None:
    line.flow.start()
    await line.send(b"bye")
    line.client.shutdown(socket.SHUT_WR)
    assert await line.receive(100) == b"bye"
    assert await line.end()
    line.board.send(b"not over")
    assert await line.loop.sock_recv(line.sink, 100) == b"not over"


async def test_a_slow_sink_holds_the_source_back_and_loses_nothing(line: Line) -> None:
    line.copier.bulk = 1 << 40
    line.flow.start()
    data = os.urandom(1 << 20) * 16
    sending = asyncio.create_task(line.send(data))
    assert await line.receive(len(data)) == data
    await sending


async def test_small_traffic_needs_no_thread(line: Line, splicer: Watched) -> None:
    line.flow.start()
    for _ in range(10):
        await line.send(b"x")
        assert await line.receive(1) == b"x"
    assert splicer.lent == 0


async def test_bulk_goes_through_a_thread_unchanged(line: Line, splicer: Watched) -> None:
    line.flow.start()
    data = os.urandom(1 << 20) * 16
    sending = asyncio.create_task(line.send(data))
    assert await line.receive(len(data)) == data
    await sending
    assert splicer.lent >= 1


async def test_one_byte_after_bulk_arrives_in_the_thread_and_after_it(
    line: Line, splicer: Watched
) -> None:
    line.flow.start()
    await line.send(bytes(BULK))
    await line.receive(BULK)
    await line.send(b"a")
    assert await line.receive(1) == b"a"
    async with asyncio.timeout(WITHIN):
        await splicer.back.wait()
    assert not line.flow.in_thread
    await line.send(b"b")
    assert await line.receive(1) == b"b"


async def test_a_stream_without_a_free_thread_stays_in_the_loop() -> None:
    none = Watched(0)
    line = Line(none)
    line.flow.start()
    data = os.urandom(1 << 20)
    sending = asyncio.create_task(line.send(data))
    assert await line.receive(len(data)) == data
    await sending
    assert none.lent == 0
    line.flow.stop()
    line.close()
    none.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep streams in their threads until something happens to them."""
    monkeypatch.setattr("boruta_farm.access.splice.IDLE_MILLISECONDS", 60_000)


@pytest.mark.usefixtures("patient")
async def test_an_end_in_the_thread_is_passed_on(line: Line) -> None:
    line.flow.start()
    await line.send(bytes(BULK))
    assert await line.receive(BULK) == bytes(BULK)
    assert line.flow.in_thread
    await line.send(b"end")
    line.client.shutdown(socket.SHUT_WR)
    assert await line.receive(100) == b"end"
    assert await line.end()


async def test_stop_ends_a_flow_that_waits_for_its_sink(line: Line) -> None:
    line.copier.bulk = 1 << 40
    line.flow.start()
    async with asyncio.timeout(WITHIN):
        sending = asyncio.create_task(line.loop.sock_sendall(line.client, bytes(64 << 20)))
        await line.loop.sock_recv(
            line.board,
            1,
        )
        line.flow.stop()
    assert not await line.end()
    sending.cancel()
    await asyncio.wait([sending])


@pytest.mark.usefixtures("patient")
async def test_stop_ends_a_flow_in_a_thread_once_its_sockets_are_shut(line: Line) -> None:
    line.flow.start()
    await line.send(bytes(BULK))
    await line.receive(BULK)
    assert line.flow.in_thread
    line.flow.stop()
    assert not line.flow.over
    line.source.shutdown(socket.SHUT_RDWR)
    assert not await line.end()
    assert line.flow.over


@pytest.mark.parametrize("side", ["source", "sink"])
async def test_a_broken_side_ends_the_flow_uncleanly(line: Line, side: str) -> None:
    line.flow.start()
    if side == "source":
        line.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        line.client.close()
    else:
        line.sink.shutdown(socket.SHUT_RDWR)
        await line.send(b"to nobody")
    assert not await line.end()
