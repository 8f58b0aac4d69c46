"""The ring keeps the last bytes and their times, and lets nobody read behind the fence."""

import os
import random

from boruta_farm.dryad.tools.console.ring import CAPACITY, FAR, NEAR, Ring
from boruta_farm.model.console import ConsoleEvent

SECOND = 1_000_000


def told(ring: Ring, begin: int = 0) -> list[tuple[int, bytes]]:
    """Return what is kept, with times."""
    return [(p.at, p.data) for p in ring.pieces(begin, ring.end, 65536)]


def test_bytes_are_read_where_they_were_written_by_whoever_has_the_memory() -> None:
    ring = Ring.make("test")
    ring.append(b"boot", SECOND)
    ring.append(b"ing\n", SECOND + NEAR - 1)
    ring.append(b"login: ", 3 * SECOND)
    other = Ring(os.dup(ring.file))
    assert other.read(2, 100) == (2, b"oting\nlogin: ")
    assert other.read(2, 3) == (2, b"oti")
    assert other.read(15, 100) == (15, b"")
    assert told(other) == [(SECOND, b"booting\n"), (3 * SECOND, b"login: ")]
    assert told(other, 6) == [(SECOND, b"g\n"), (3 * SECOND, b"login: ")]
    ring.close()
    other.close()


def test_the_oldest_bytes_make_room_and_are_counted() -> None:
    ring = Ring.make("test")
    draw = random.Random(7)
    data = draw.randbytes(65536)
    written = bytearray()
    for number in range(2 * CAPACITY // 32768 + 7):
        length = draw.randrange(1, 65536)
        written += data[:length]
        ring.append(data[:length], number * SECOND)
    kept = bytes(written[-CAPACITY:])
    assert ring.end == len(written) > 2 * CAPACITY - 12345
    assert ring.oldest == ring.end - CAPACITY
    assert b"".join(data for _, data in told(ring)) == kept
    position, data = ring.read(5, 100)
    assert (position, data) == (ring.oldest, kept[:100])
    ring.close()


def test_no_session_reads_behind_the_fence_but_the_log_does() -> None:
    ring = Ring.make("test")
    ring.append(b"the secret of job 1", SECOND)
    ring.epoch = 1
    ring.cut()
    ring.append(b"job 2", 2 * SECOND)
    assert ring.read(0, 100) == (ring.floor, b"job 2")
    assert [p.data for p in ring.pieces(ring.began, ring.floor, 100)] == [b"the secret of job 1"]
    assert (ring.epoch, ring.began) == (1, 0)
    ring.forget()
    assert (ring.epoch, ring.began) == (0, ring.floor)
    ring.close()


def test_events_stand_where_they_happened() -> None:
    ring = Ring.make("test")
    ring.append(b"abc", SECOND)
    ring.tell(ConsoleEvent.VANISHED, 2 * SECOND)
    ring.tell(ConsoleEvent.BACK, 3 * SECOND)
    ring.append(b"def", 3 * SECOND + 1)
    pieces = [(p.at, p.event.name, p.data) for p in ring.pieces(0, ring.end, 100)]
    assert pieces == [
        (SECOND, "BYTES", b"abc"),
        (2 * SECOND, "VANISHED", b""),
        (3 * SECOND, "BACK", b""),
        (3 * SECOND, "BYTES", b"def"),
    ]
    ring.trouble = "the port vanished: " + "é" * 600
    assert ring.trouble.startswith("the port vanished: éé")
    ring.trouble = ""
    assert ring.trouble == ""
    ring.close()


def test_marks_are_few_whatever_comes() -> None:
    ring = Ring.make("test")
    for number in range(20_000):
        ring.append(b"x", number * 1000)
    pieces = list(ring.pieces(0, ring.end, 100))
    assert len(pieces) <= 20_000 / 32 + 20_000_000 / FAR
    assert sum(len(p.data) for p in pieces) == 20_000
    ring.close()
