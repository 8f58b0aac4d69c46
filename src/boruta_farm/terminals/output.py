"""What a terminal said: kept for who comes back, and no faster than who watches can read."""

import asyncio
from typing import Final

AHEAD: Final = 64 * 1024
"""Bytes that may be under way to who types: what Ctrl-C has to wait for."""
KEPT: Final = 1024 * 1024
"""Bytes that are kept for one whose network is gone; beyond them the program waits."""
HISTORY: Final = 256 * 1024
"""Bytes before what was read that are kept for a page that is opened anew."""


class Onlooker:
    """Hold how far one viewer has come; ``holds`` tells that the program waits for him.

    ``records`` tells that he keeps what he reads, for which everybody sees a mark.
    """

    def __init__(self, position: int, *, holds: bool) -> None:
        self.sent = position
        self.read = position
        self.holds = holds
        self.records = False


class TerminalOutput:
    """Keep bytes by their position since the terminal's start.

    Nothing is lost to who types, however slow or however long away: the program waits instead, as
    at any terminal. Who only watches may miss bytes, and holds nobody up.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._first = 0
        self._read = 0
        self._readers: set[Onlooker] = set()
        self._moved = asyncio.Event()
        self._ended = False

    @property
    def end(self) -> int:
        """Return the position after the last byte."""
        return self._first + len(self._bytes)

    def join(self, position: int | None, *, holds: bool) -> Onlooker:
        """Let somebody read from a position on, or from the first byte that is kept."""
        start = self._first if position is None else min(max(position, self._first), self.end)
        reader = Onlooker(start, holds=holds)
        self._readers.add(reader)
        self._move()
        return reader

    def part(self, reader: Onlooker) -> None:
        """Forget a reader; what he has not read is kept."""
        self._readers.discard(reader)
        if reader.holds:
            self._read = max(self._read, reader.read)
        self._move()

    def record(self, reader: Onlooker, on: bool) -> None:
        """Take a reader's word whether he records."""
        reader.records = on
        self._move()

    async def recorders(self, known: int) -> int:
        """Return how many readers record, once they are not as many as was known."""
        while (found := sum(reader.records for reader in self._readers)) == known:
            self._moved.clear()
            await self._moved.wait()
        return found

    def acknowledge(self, reader: Onlooker, position: int) -> None:
        """Take a reader's word for how far he has read."""
        reader.read = max(reader.read, min(position, reader.sent))
        if reader.holds:
            self._read = max(self._read, reader.read)
        self._move()

    async def room(self) -> None:
        """Return once the program may say more."""
        while True:
            holding = [reader.read for reader in self._readers if reader.holds]
            behind, most = (min(holding), AHEAD) if holding else (self._read, KEPT)
            if self.end - behind < most:
                return
            self._moved.clear()
            await self._moved.wait()

    def add(self, data: bytes) -> None:
        """Take what the program said."""
        self._bytes += data
        holding = [reader.read for reader in self._readers if reader.holds]
        needed = min([*holding, self._read, self.end]) - HISTORY
        if needed - self._first > HISTORY:
            del self._bytes[: needed - self._first]
            self._first = needed
        self._move()

    def finish(self) -> None:
        """Tell readers that nothing more comes."""
        self._ended = True
        self._move()

    async def next(self, reader: Onlooker, most: int) -> tuple[int, bytes]:
        """Return what comes next for a reader and its position; no bytes at the end."""
        while True:
            if reader.sent < self._first:
                # He only watches, and has missed what is not kept.
                reader.sent = reader.read = self._first
            under_way = reader.sent - reader.read
            if reader.sent < self.end and under_way < AHEAD:
                start = reader.sent - self._first
                data = bytes(self._bytes[start : start + most])
                reader.sent += len(data)
                return reader.sent - len(data), data
            if self._ended and reader.sent >= self.end:
                return reader.sent, b""
            self._moved.clear()
            await self._moved.wait()

    def _move(self) -> None:
        # Every waiter looks again; who cleared the event did so before he began to wait.
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
