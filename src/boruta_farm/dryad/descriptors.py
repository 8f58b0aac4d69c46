"""Open files that come over a unix socket."""

import os
import socket


def receive_descriptor(connection: socket.socket, most: int) -> tuple[bytes, int]:
    """Return at most so many bytes, and the open file that came with them, -1 for none.

    Whoever gets it closes it. Raises OSError.
    """
    # The flag that would keep programs from inheriting it is passed over by Python 3.11.
    data, given, _, _ = socket.recv_fds(connection, most, 1)
    for descriptor in given:
        os.set_inheritable(descriptor, False)
    return data, given[0] if given else -1
