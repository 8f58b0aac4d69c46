"""One direction of a connection: from the loop for small traffic, by splice for bulk."""

import asyncio
import socket
from collections.abc import Callable
from enum import Enum

from boruta_farm.access.splice import SpliceEnd, Splicer, Stay

BUFFER_SIZE = 256 * 1024
BULK = 1024 * 1024
"""Bytes a stream moves in the loop before it is worth a thread."""


class Copier:
    """Carry what all flows of one loop share: the loop, one buffer, the splice threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, splicer: Splicer, bulk: int = BULK) -> None:
        self.loop = loop
        self.splicer = splicer
        self.bulk = bulk
        self.buffer = memoryview(bytearray(BUFFER_SIZE))


class Place(Enum):
    """Where a flow is just now."""

    READING = "reading"
    WRITING = "writing"
    THREAD = "thread"
    OVER = "over"


class Flow:
    """Copy one direction until its end, then pass the half-close on.

    Both sockets are non-blocking. Nothing is read that was not written before, so the kernel's
    own flow control works from end to end. ``ended`` is called once: with True after a clean
    end, with False when the connection broke or ``stop`` ended it; ``begun`` with the first bytes.
    """

    def __init__(
        self,
        copier: Copier,
        source: socket.socket,
        sink: socket.socket,
        ended: Callable[[bool], None],
        begun: Callable[[], None] = lambda: None,
    ) -> None:
        self._copier = copier
        self._source = source
        self._sink = sink
        self._ended = ended
        self._begun = begun
        self._place = Place.OVER
        self._stopped = False
        self._rest = memoryview(b"")
        self._moved = 0
        self.carried = 0
        """Bytes that the loop has copied; what splice threads do is not counted."""

    @property
    def over(self) -> bool:
        """Tell whether the flow is done with its sockets."""
        return self._place is Place.OVER

    @property
    def in_thread(self) -> bool:
        """Tell whether a thread uses the sockets: they must not be closed yet."""
        return self._place is Place.THREAD

    def start(self) -> None:
        """Begin copying."""
        self._place = Place.READING
        self._copier.loop.add_reader(self._source, self._read)

    def stop(self) -> None:
        """Stop copying.

        A thread stops before its next move, and wakes for it when its source is shut for reading.
        """
        self._stopped = True
        if self._place in (Place.READING, Place.WRITING):
            self._finish(clean=False)

    def _read(self) -> None:
        buffer = self._copier.buffer
        try:
            size = self._source.recv_into(buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._finish(clean=False)
            return
        if not size:
            self._pass_end_on()
            return
        try:
            sent = self._sink.send(buffer[:size])
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._finish(clean=False)
            return
        self._moved += size
        if not self.carried:
            self._begun()
        self.carried += size
        if sent < size:
            self._write_later(bytes(buffer[sent:size]))
        elif self._moved >= self._copier.bulk:
            self._go_to_thread()

    def _write_later(self, rest: bytes) -> None:
        self._copier.loop.remove_reader(self._source)
        self._rest = memoryview(rest)
        self._place = Place.WRITING
        self._copier.loop.add_writer(self._sink, self._write)

    def _write(self) -> None:
        try:
            sent = self._sink.send(self._rest)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._finish(clean=False)
            return
        self._rest = self._rest[sent:]
        if not self._rest:
            self._copier.loop.remove_writer(self._sink)
            self.start()
            if self._moved >= self._copier.bulk:
                self._go_to_thread()

    def _go_to_thread(self) -> None:
        self._moved = 0
        copier = self._copier
        source, sink = self._source.fileno(), self._sink.fileno()
        if copier.splicer.lend(source, sink, self._is_stopped, self._left_thread):
            copier.loop.remove_reader(self._source)
            self._place = Place.THREAD

    def _is_stopped(self) -> bool:
        return self._stopped

    def _left_thread(self, stay: Stay) -> None:
        """Come back from a splice thread; called there."""
        self._copier.loop.call_soon_threadsafe(self._resume, stay)

    def _resume(self, stay: Stay) -> None:
        self._copier.splicer.take_back()
        self._place = Place.READING
        if self._stopped or stay.outcome in (SpliceEnd.BROKEN, SpliceEnd.STOPPED):
            self._finish(clean=False)
        elif stay.outcome is SpliceEnd.ENDED:
            self._pass_end_on()
        elif stay.rest:
            self._write_later(stay.rest)
        else:
            self.start()

    def _pass_end_on(self) -> None:
        try:
            self._sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._finish(clean=False)
            return
        self._finish(clean=True)

    def _finish(self, *, clean: bool) -> None:
        if self._place is Place.READING:
            self._copier.loop.remove_reader(self._source)
        elif self._place is Place.WRITING:
            self._copier.loop.remove_writer(self._sink)
        self._place = Place.OVER
        self._rest = memoryview(b"")
        self._ended(clean)
