"""Many see a console, one writes, and who reads slowly misses bytes and is told how many."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from boruta_farm.dryad.tools.console import desk as module
from boruta_farm.dryad.tools.console.desk import Desk, Viewer
from boruta_farm.dryad.tools.console.keeping import KeptConsole
from boruta_farm.dryad.tools.console.ring import CAPACITY, Ring
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.model.errors import BoardError


@pytest.fixture
def ring() -> Iterator[Ring]:
    """Return a ring."""
    made = Ring.make("test")
    yield made
    made.close()


def test_who_reads_slowly_is_told_what_he_missed(ring: Ring) -> None:
    viewer = Viewer(ring, 0)
    ring.append(b"seen", 1)
    assert viewer.look(ring) == b"seen"
    for number in range(CAPACITY // 65536 + 1):
        ring.append(b"x" * 65535 + b"!", number)
    data = viewer.look(ring)
    assert viewer.dropped == ring.oldest - 4 == 65536
    assert len(data) == module.PIECE
    assert viewer.position == ring.oldest + len(data)


def test_another_keepers_ring_is_seen_from_its_beginning(ring: Ring) -> None:
    other = Ring.make("other")
    ring.append(b"old and long", 1)
    viewer = Viewer(ring, 0)
    viewer.look(ring)
    other.append(b"new", 1)
    assert viewer.look(other) == b"new"
    other.close()


async def test_a_console_that_nobody_holds_says_so() -> None:
    desk = Desk()
    with pytest.raises(BoardError, match="it is not held by the agent"):
        desk.join(None)


async def test_viewers_are_bounded_and_wake_when_something_comes(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_VIEWERS", 2)
    desk = Desk()
    monkeypatch.setattr(Desk, "kept", property(lambda _: _Kept(ring)))
    first, second = desk.join(None), desk.join(5)
    with pytest.raises(ActError, match="2 see this console already"):
        desk.join(None)
    assert (first.position, second.position) == (0, 0)
    first.look(ring)
    waiting = asyncio.ensure_future(first.news.wait())
    desk.wake()
    assert await asyncio.wait_for(waiting, 5)
    assert desk.claim(first, take=False)
    assert not desk.claim(second, take=False)
    assert desk.claim(second, take=True)
    assert not desk.writes(first)
    desk.leave(second)
    assert desk.words() == "open, 1 see it"


class _Kept:
    """What a keeper holds, of which only the ring is asked."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring


async def test_a_keeper_that_does_not_know_the_console_is_refused() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.send(b"{}")
    with pytest.raises(ConnectionError, match="the keeper does not show uart"):
        KeptConsole("uart", ours, lambda: None)
    ours.close()
    theirs.close()
