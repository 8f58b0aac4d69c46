"""A pipe to a board, with a socket that is read as fast as it goes."""

import asyncio
import socket

from boruta_farm.frontdoor.pipe import Pipe

MUCH = b"y" * 8_000_000


class Heard:
    """Note what a pipe hands on."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.over = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.data += data

    def write_eof(self) -> None:
        self.over.set()

    def pause_reading(self) -> None:
        raise AssertionError("nothing is written to the board here")

    def resume_reading(self) -> None:
        raise AssertionError("nothing is written to the board here")

    def close(self) -> None:
        self.over.set()


async def test_what_a_board_says_before_anybody_listens_is_kept_and_bounded() -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ended = asyncio.Event()
    _, pipe = await loop.create_connection(lambda: Pipe(ended.set), sock=ours)
    with theirs:
        saying = asyncio.create_task(loop.sock_sendall(theirs, MUCH))
        done, _ = await asyncio.wait((saying,), timeout=0.2)
        assert not done, "the board waits: nobody keeps all of it"
        assert not ended.is_set()
        heard = Heard()
        pipe.attach(heard)
        async with asyncio.timeout(10):
            await saying
            theirs.shutdown(socket.SHUT_WR)
            await heard.over.wait()
    assert heard.data == MUCH
    pipe.close()
    async with asyncio.timeout(10):
        await ended.wait()


async def test_a_board_that_has_gone_before_anybody_listens_is_told_of() -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ended = asyncio.Event()
    _, pipe = await loop.create_connection(lambda: Pipe(ended.set), sock=ours)
    theirs.send(b"bye")
    theirs.close()
    pipe.feed_eof()
    heard = Heard()
    pipe.attach(heard)
    async with asyncio.timeout(10):
        await ended.wait()
    assert heard.data == b"bye"
    assert heard.over.is_set()
