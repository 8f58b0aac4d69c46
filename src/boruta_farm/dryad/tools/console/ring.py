"""The last bytes of a console with their times, in memory that keeper and agent share.

The keeper alone writes; the agent reads without asking, and notes whose log it is. A position is
the number of bytes that came before, since the keeper began. No session reads below ``floor``: a
job's floor is its fence. Marks tell when the bytes from a position on came; there are so few of
them that they reach as far back as the bytes do, unless almost nothing came for days.
"""

import mmap
import os
import struct
from collections.abc import Callable, Iterator
from typing import Final

from boruta_farm.model.console import ConsoleEvent, ConsolePiece

CAPACITY: Final = 8 * 1024 * 1024
MARKS: Final = 2**19
NEAR: Final = 10_000
"""Microseconds in which bytes share a mark whatever they are."""

FAR: Final = 1_000_000
"""Microseconds after which bytes get a mark of their own however few they are."""

FEW: Final = 32

_HEAD: Final = 4096
_MARK: Final = struct.Struct("<QQ")
_SIZE: Final = _HEAD + CAPACITY + MARKS * _MARK.size
_TROUBLE: Final = 1024
_LONGEST_TROUBLE: Final = 512
_END, _COMING, _FLOOR, _MARKED, _EPOCH, _SEEN, _BEGAN = range(7)


class Ring:
    """Look at a ring, or write to it; at most one writes."""

    def __init__(self, file: int) -> None:
        """Take the memory's descriptor, which is kept until ``close``."""
        self.file = file
        self._map = mmap.mmap(file, _SIZE)
        self._view = memoryview(self._map)
        self._numbers = self._view[:_TROUBLE].cast("Q")
        self._last = 0

    @classmethod
    def make(cls, name: str) -> "Ring":
        """Return an empty ring in fresh memory, which is taken as it fills."""
        file = os.memfd_create(f"console-{name}", os.MFD_CLOEXEC)
        os.ftruncate(file, _SIZE)
        return cls(file)

    @property
    def end(self) -> int:
        """Return how many bytes have come."""
        return self._numbers[_END]

    @property
    def floor(self) -> int:
        """Return the position from which the present session may read."""
        return self._numbers[_FLOOR]

    @property
    def oldest(self) -> int:
        """Return the oldest position that is kept, of whomever."""
        return max(0, self._numbers[_COMING] - CAPACITY)

    @property
    def epoch(self) -> int:
        """Return the job whose log this is, 0 where it is nobody's."""
        return self._numbers[_EPOCH]

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._numbers[_EPOCH] = value

    @property
    def began(self) -> int:
        """Return the position at which the log begins that was cut off, or will be."""
        return self._numbers[_BEGAN]

    def forget(self) -> None:
        """Note that the log which was cut off is kept elsewhere, or is nobody's."""
        self._numbers[_BEGAN] = self.floor
        self._numbers[_EPOCH] = 0

    @property
    def trouble(self) -> str:
        """Return why the port is not open, empty while it is."""
        length = min(self._numbers[_SEEN], _LONGEST_TROUBLE)
        return bytes(self._view[_TROUBLE : _TROUBLE + length]).decode(errors="replace")

    @trouble.setter
    def trouble(self, words: str) -> None:
        data = words.encode()[:_LONGEST_TROUBLE]
        self._view[_TROUBLE : _TROUBLE + len(data)] = data
        self._numbers[_SEEN] = len(data)

    def append(self, data: bytes, at: int) -> None:
        """Add bytes, fewer than fit, that came at a time."""
        end = self.end
        since = at - self._mark_time()
        if since >= FAR or since < 0 or (since >= NEAR and end - self._last >= FEW):
            self._mark(end, ConsoleEvent.BYTES, at)
        # First of all it is told what is about to be overwritten, for those who read just now.
        self._numbers[_COMING] = end + len(data)
        place = end % CAPACITY
        first = data[: CAPACITY - place]
        self._copy(place, first)
        self._copy(0, data[len(first) :])
        self._numbers[_END] = end + len(data)

    def tell(self, event: ConsoleEvent, at: int) -> None:
        """Add an event."""
        self._mark(self.end, event, at)

    def cut(self) -> None:
        """Let no session read what has come until now; it stays for the log."""
        self._numbers[_FLOOR] = self.end

    def read(self, position: int, most: int) -> tuple[int, bytes]:
        """Return what a session may see from a position on, and where that begins.

        What is gone, or was another's, is skipped.
        """
        return self._read(position, most, lambda: max(self.floor, self.oldest))

    def pieces(self, begin: int, stop: int, most: int) -> Iterator[ConsolePiece]:
        """Yield what came from a position to another with its times, in pieces of at most so many.

        It reads behind the fence too. What is overwritten meanwhile is left out.
        """
        marked = self._numbers[_MARKED]
        number = self._find(begin, marked)
        before = max(number - 1, 0, marked - MARKS)
        at = self._read_mark(before)[1] if before < marked else 0
        place = begin
        while True:
            last = number >= marked
            position, coming, event = (stop, 0, 0) if last else self._read_mark(number)
            while place < (limit := min(position, stop)):
                place, data = self._read(place, min(most, limit - place), lambda: self.oldest)
                data = data[: max(limit - place, 0)]
                if data:
                    yield ConsolePiece(at=at, event=ConsoleEvent.BYTES, data=data)
                    place += len(data)
            if last or position > stop:
                return
            at = coming
            if event:
                yield ConsolePiece(at=at, event=ConsoleEvent(event), data=b"")
            number += 1

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._view.release()
        self._map.close()
        os.close(self.file)

    def _read(self, position: int, most: int, start: Callable[[], int]) -> tuple[int, bytes]:
        while True:
            begin = max(position, start())
            data = self._slice(begin, min(max(self.end - begin, 0), most))
            if start() <= begin:
                return begin, data

    def _find(self, position: int, marked: int) -> int:
        """Return the number of the first mark at or behind a position."""
        low, high = max(0, marked - MARKS), marked
        while low < high:
            middle = (low + high) // 2
            if self._read_mark(middle)[0] < position:
                low = middle + 1
            else:
                high = middle
        return low

    def _mark(self, position: int, event: ConsoleEvent, at: int) -> None:
        number = self._numbers[_MARKED]
        offset = _HEAD + CAPACITY + number % MARKS * _MARK.size
        _MARK.pack_into(self._map, offset, position << 2 | event, at)
        self._numbers[_MARKED] = number + 1
        self._last = position

    def _read_mark(self, number: int) -> tuple[int, int, int]:
        offset = _HEAD + CAPACITY + number % MARKS * _MARK.size
        packed, at = _MARK.unpack_from(self._map, offset)
        return packed >> 2, at, packed & 3

    def _mark_time(self) -> int:
        marked = self._numbers[_MARKED]
        return self._read_mark(marked - 1)[1] if marked else 0

    def _copy(self, place: int, data: bytes) -> None:
        self._view[_HEAD + place : _HEAD + place + len(data)] = data

    def _slice(self, begin: int, length: int) -> bytes:
        place = begin % CAPACITY
        first = bytes(self._view[_HEAD + place : _HEAD + min(place + length, CAPACITY)])
        return first + bytes(self._view[_HEAD : _HEAD + length - len(first)])
