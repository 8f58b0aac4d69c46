"""Sockets that systemd opened for us (sd_listen_fds(3))."""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

FIRST_DESCRIPTOR: Final = 3


def take_sockets(
    environment: MutableMapping[str, str], *, first: int = FIRST_DESCRIPTOR
) -> dict[str, socket.socket]:
    """Return the sockets by the path they are bound to, none when systemd handed over none.

    The variables are removed, so that child processes do not take the sockets for theirs.
    """
    pid = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}
    sockets: dict[str, socket.socket] = {}
    for descriptor in range(first, first + int(count)):
        os.set_inheritable(descriptor, False)
        taken = socket.socket(fileno=descriptor)
        sockets[str(taken.getsockname())] = taken
    return sockets
