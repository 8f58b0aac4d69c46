"""An answer's head and body are written at once, and nothing is held for long."""

import asyncio

from boruta_farm.server.corked import Corked


class Recorded(asyncio.Transport):
    """Note what is written in one go."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Note it."""
        assert not self.closed
        self.written.append(bytes(data))

    def close(self) -> None:
        """Take nothing more."""
        self.closed = True

    def is_closing(self) -> bool:
        """Tell whether nothing more is taken."""
        return self.closed


async def test_what_is_written_before_a_flush_is_one_write() -> None:
    connection = Recorded()
    corked = Corked(connection, asyncio.get_running_loop())
    corked.write(b"head")
    corked.write(b"body")
    assert connection.written == []
    corked.flush()
    assert connection.written == [b"headbody"]
    await asyncio.sleep(0)
    assert connection.written == [b"headbody"]


async def test_a_head_without_a_body_is_written_in_the_next_round() -> None:
    connection = Recorded()
    corked = Corked(connection, asyncio.get_running_loop())
    corked.write(b"head of a stream")
    await asyncio.sleep(0)
    assert connection.written == [b"head of a stream"]
    corked.write(b"first event")
    await asyncio.sleep(0)
    assert connection.written == [b"head of a stream", b"first event"]


async def test_closing_writes_what_is_held_first() -> None:
    connection = Recorded()
    corked = Corked(connection, asyncio.get_running_loop())
    corked.write(b"last words")
    corked.close()
    assert connection.written == [b"last words"]
    assert corked.is_closing()


async def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    connection = Recorded()
    corked = Corked(connection, asyncio.get_running_loop())
    corked.write(b"too late")
    connection.close()
    await asyncio.sleep(0)
    assert connection.written == []
