import asyncio
import inspect
import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.access.sockets import tcp_pair

from boruta_farm.access import splice
from boruta_farm.access.splice import SpliceEnd, Splicer, Stay, copy_until_idle

WITHIN = 60.0


def never() -> bool:
    return False


class Line:
    """Two TCP connections with a relay's two ends in the middle."""

    def __init__(self) -> None:
        self.client, self.source = tcp_pair()
        self.sink, self.board = tcp_pair()
        self.pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def copy(self) -> Stay:
        return copy_until_idle(self.source.fileno(), self.sink.fileno(), self.pipe, never)

    def close(self) -> None:
        for side in (self.client, self.source, self.sink, self.board):
            side.close()
        for end in self.pipe:
            os.close(end)


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def test_an_idle_stream_comes_back_with_all_delivered(line: Line) -> None:
    line.client.send(b"one byte at a time")
    assert line.copy() == Stay(outcome=SpliceEnd.IDLE)
    assert line.board.recv(100) == b"one byte at a time"


def test_the_end_of_a_stream_is_told_after_its_bytes(line: Line) -> None:
    line.client.send(b"last words")
    line.client.shutdown(socket.SHUT_WR)
    assert line.copy() == Stay(outcome=SpliceEnd.ENDED)
    assert line.board.recv(100) == b"last words"


def test_bytes_that_a_slow_sink_did_not_take_come_back_in_order(line: Line) -> None:
    """Fill both connections until the copying gives up, then let the board read all."""
    line.sink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
    line.board.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    sent = bytearray()
    stay = Stay(outcome=SpliceEnd.IDLE)
    for number in range(1000):
        piece = bytes([number % 251]) * 32 * 1024
        with suppress(BlockingIOError):
            sent += piece[: line.client.send(piece)]
        stay = line.copy()
        if stay.rest:
            break
    assert stay.outcome is SpliceEnd.IDLE
    assert stay.rest
    line.client.shutdown(socket.SHUT_WR)
    received: list[bytes] = []
    reading = threading.Thread(target=read_all, args=(line.board, received))
    reading.start()
    line.sink.setblocking(True)
    line.sink.sendall(stay.rest)
    line.sink.setblocking(False)
    while (stay := line.copy()).outcome is SpliceEnd.IDLE:
        line.sink.setblocking(True)
        line.sink.sendall(stay.rest)
        line.sink.setblocking(False)
    line.sink.shutdown(socket.SHUT_WR)
    reading.join(WITHIN)
    assert b"".join(received) == sent


def read_all(side: socket.socket, received: list[bytes]) -> None:
    side.settimeout(WITHIN)
    while data := side.recv(1 << 20):
        received.append(data)


def test_a_reset_source_is_broken(line: Line) -> None:
    line.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    line.client.close()
    assert line.copy().outcome is SpliceEnd.BROKEN


def test_a_shut_sink_is_broken(line: Line) -> None:
    line.sink.shutdown(socket.SHUT_RDWR)
    line.client.send(b"to nobody")
    assert line.copy().outcome is SpliceEnd.BROKEN


def test_threads_are_lent_up_to_their_number_and_taken_back(line: Line) -> None:
    splicer = Splicer(1)
    stays: queue.SimpleQueue[Stay] = queue.SimpleQueue()
    source, sink = line.source.fileno(), line.sink.fileno()
    assert splicer.lend(source, sink, never, stays.put)
    assert not splicer.lend(source, sink, never, stays.put)
    assert stays.get(timeout=WITHIN).outcome is SpliceEnd.IDLE
    splicer.take_back()
    assert splicer.lend(source, sink, never, stays.put)
    line.source.shutdown(socket.SHUT_RDWR)
    assert stays.get(timeout=WITHIN).outcome is SpliceEnd.ENDED
    splicer.close()


def test_a_broken_stay_leaves_nothing_in_the_pipe_for_the_next(line: Line) -> None:
    splicer = Splicer(1)
    stays: queue.SimpleQueue[Stay] = queue.SimpleQueue()
    line.sink.shutdown(socket.SHUT_RDWR)
    line.client.send(b"secret of the first")
    splicer.lend(line.source.fileno(), line.sink.fileno(), never, stays.put)
    assert stays.get(timeout=WITHIN).outcome is SpliceEnd.BROKEN
    splicer.take_back()
    second = Line()
    try:
        second.client.send(b"second")
        splicer.lend(second.source.fileno(), second.sink.fileno(), never, stays.put)
        assert stays.get(timeout=WITHIN).outcome is SpliceEnd.IDLE
        assert second.board.recv(100) == b"second"
    finally:
        second.close()
        splicer.close()


def test_a_stopped_stay_moves_nothing_more(line: Line) -> None:
    splicer = Splicer(1)
    stays: queue.SimpleQueue[Stay] = queue.SimpleQueue()
    stop = threading.Event()
    splicer.lend(line.source.fileno(), line.sink.fileno(), stop.is_set, stays.put)
    line.board.settimeout(WITHIN)
    line.client.send(b"before")
    assert line.board.recv(100) == b"before"
    stop.set()
    line.source.shutdown(socket.SHUT_RD)
    assert stays.get(timeout=WITHIN).outcome in (SpliceEnd.STOPPED, SpliceEnd.ENDED)
    line.client.send(b"after")
    line.board.setblocking(False)
    with pytest.raises(BlockingIOError):
        line.board.recv(100)
    splicer.take_back()
    splicer.lend(line.source.fileno(), line.sink.fileno(), stop.is_set, stays.put)
    assert stays.get(timeout=WITHIN).outcome is SpliceEnd.STOPPED
    splicer.close()


async def test_single_bytes_are_not_held_back(line: Line) -> None:
    """With SPLICE_F_MORE each of these would wait for 200 ms."""
    splicer = Splicer(1)
    loop = asyncio.get_running_loop()
    over: asyncio.Future[Stay] = loop.create_future()

    def came_back(stay: Stay) -> None:
        loop.call_soon_threadsafe(over.set_result, stay)

    splicer.lend(
        line.source.fileno(),
        line.sink.fileno(),
        never,
        came_back,
    )
    began = loop.time()
    for number in range(100):
        await loop.sock_sendall(line.client, bytes([number]))
        assert await loop.sock_recv(line.board, 10) == bytes([number])
    assert loop.time() - began < 5
    line.client.close()
    assert (await over).outcome is SpliceEnd.ENDED
    splicer.close()


def test_the_flag_that_stalls_small_data_is_not_used() -> None:
    body = inspect.getsource(copy_until_idle)
    assert "SPLICE_F_MORE" not in body
    assert "SPLICE_F_MORE" in (splice.__doc__ or "")
