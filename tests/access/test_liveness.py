import socket
import struct
from contextlib import suppress

import pytest
from tests.access.sockets import tcp_pair

from boruta_farm.access.liveness import (
    KEEPALIVE_AFTER,
    KEEPALIVE_EVERY,
    KEEPALIVE_PROBES,
    SILENT_AFTER,
    STRIKES,
    SWEEP_EVERY,
    Acknowledged,
    LifeWatch,
    answered,
    keep_alive,
    read_info,
)

LONG = SILENT_AFTER


def test_dead_peers_go_within_a_minute() -> None:
    assert KEEPALIVE_AFTER + KEEPALIVE_EVERY * KEEPALIVE_PROBES <= 60
    assert SILENT_AFTER / 1000 + STRIKES * SWEEP_EVERY <= 60


def test_keepalive_is_set_on_the_socket() -> None:
    near, far = tcp_pair()
    with near, far:
        keep_alive(near)
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE_AFTER
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == KEEPALIVE_EVERY
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == KEEPALIVE_PROBES
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_fields_are_read_from_where_the_kernel_puts_them() -> None:
    raw = bytearray(104)
    raw[3] = 2
    struct.pack_into("=I", raw, 24, 7)
    struct.pack_into("=I", raw, 56, 31_000)
    assert read_info(bytes(raw)) == Acknowledged(unacknowledged=7, probes=2, silent=31_000)


def test_a_peer_that_read_all_owes_nothing() -> None:
    near, far = tcp_pair()
    with near, far:
        near.send(b"x")
        far.setblocking(True)
        far.recv(1)
        peer = answered(near)
        assert peer.unacknowledged == 0
        assert 0 <= peer.silent < SILENT_AFTER
        assert not peer.owing


def test_a_peer_that_does_not_read_is_alive() -> None:
    near, far = tcp_pair()
    with near, far:
        with suppress(BlockingIOError):
            while near.send(bytes(1 << 20)):
                pass
        watch = LifeWatch()
        assert not watch.dead(answered(near))
        assert not watch.dead(answered(near))


@pytest.mark.parametrize(
    ("unacknowledged", "probes", "silent", "owing"),
    [
        (0, 0, LONG * 100, False),
        (1, 0, LONG - 1, False),
        (1, 0, LONG, True),
        (0, 1, LONG, True),
    ],
)
def test_only_a_silent_peer_with_something_to_acknowledge_owes(
    unacknowledged: int, probes: int, silent: int, owing: bool
) -> None:
    peer = Acknowledged(unacknowledged=unacknowledged, probes=probes, silent=silent)
    assert peer.owing is owing


def test_one_answer_clears_a_peer() -> None:
    owing = Acknowledged(unacknowledged=1, probes=0, silent=LONG)
    answering = Acknowledged(unacknowledged=1, probes=0, silent=0)
    watch = LifeWatch()
    assert not watch.dead(owing)
    assert not watch.dead(answering)
    assert not watch.dead(owing)
    assert watch.dead(owing)
