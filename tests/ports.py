"""Ports for what a test starts: nobody listens there, and nobody is given one by chance."""

import itertools
import os
import socket

FIRST, LAST = 10_000, 19_999
"""Below what Linux gives to connections of its own accord, and below the farm's tunnels."""

_candidates = itertools.count(os.getpid() * 100)


def free_port() -> int:
    """Return a port that nobody listens on, nor on the next one: a server takes both.

    It is given out once only; other processes of the same run begin elsewhere.
    """
    for candidate in _candidates:
        port = FIRST + 2 * candidate % (LAST - FIRST)
        if _is_free(port) and _is_free(port + 1):
            return port
    raise AssertionError("counting has no end")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True
