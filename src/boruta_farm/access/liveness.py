"""Tell dead peers from slow ones."""

import socket
import struct
from dataclasses import dataclass

KEEPALIVE_AFTER = 20
KEEPALIVE_EVERY = 10
KEEPALIVE_PROBES = 3
SWEEP_EVERY = 10.0
SILENT_AFTER = 30_000
"""Milliseconds without an acknowledgement before a sender counts as unanswered."""

STRIKES = 2
TCP_INFO_SIZE = 60


def keep_alive(connection: socket.socket) -> None:
    """Let the kernel notice within 50 s that a silent peer is gone, and send small data at once."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_AFTER)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What the kernel knows of a peer's acknowledgements.

    ``unacknowledged`` counts segments, ``probes`` unanswered probes of a closed window,
    ``silent`` is milliseconds since the last acknowledgement.
    """

    unacknowledged: int
    probes: int
    silent: int

    @property
    def owing(self) -> bool:
        """Tell whether the peer owes an answer for too long."""
        return (self.unacknowledged > 0 or self.probes > 0) and self.silent >= SILENT_AFTER


def answered(connection: socket.socket) -> Acknowledged:
    """Ask the kernel (``struct tcp_info`` of Linux, whose fields never move)."""
    raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
    return read_info(raw)


def read_info(raw: bytes) -> Acknowledged:
    """Return what matters of a ``struct tcp_info``."""
    (probes,) = struct.unpack_from("=B", raw, 3)
    (unacknowledged,) = struct.unpack_from("=I", raw, 24)
    (silent,) = struct.unpack_from("=I", raw, 56)
    return Acknowledged(unacknowledged=unacknowledged, probes=probes, silent=silent)


class LifeWatch:
    """Count how often in a row a peer was found owing an answer.

    Keepalive is silent while data is on its way, and the kernel retransmits for a quarter of an
    hour. TCP_USER_TIMEOUT would also end a peer that is alive but does not read for a while.
    """

    def __init__(self) -> None:
        self._strikes = 0

    def dead(self, peer: Acknowledged) -> bool:
        """Tell whether the peer is gone; asked every ``SWEEP_EVERY`` seconds."""
        self._strikes = self._strikes + 1 if peer.owing else 0
        return self._strikes >= STRIKES
