"""A console behind a socket: raw TCP (ser2net, a terminal server), or a unix socket."""

import errno
import os
import socket
from typing import Final

from boruta_farm.dryad.tools.console.file_port import FilePort

CONNECT_WITHIN: Final = 5.0


def open_tcp(host: str, port: int) -> FilePort:
    """Connect to raw TCP. Raises OSError."""
    return FilePort(connect(host, port).detach())


def open_unix(path: str) -> FilePort:
    """Connect to a unix socket. Raises OSError."""
    return FilePort(_connect_unix(path).detach())


def open_handed(path: str) -> FilePort:
    """Be handed the port by whoever answers at a unix socket, and keeps it too. Raises OSError."""
    with _connect_unix(path) as connection:
        _, files, _, _ = socket.recv_fds(connection, 1, 1)
    if not files:
        raise OSError(errno.EIO, "no port was handed out")
    return FilePort(files[0])


def _connect_unix(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    above, _, name = path.rpartition("/")
    folder = -1
    try:
        connection.settimeout(CONNECT_WITHIN)
        # The path of a socket is limited to 107 bytes: go through a descriptor of the folder.
        folder = os.open(above or "/", os.O_PATH | os.O_DIRECTORY)
        connection.connect(f"/proc/self/fd/{folder}/{name}")
    except BaseException:
        connection.close()
        raise
    finally:
        if folder >= 0:
            os.close(folder)
    return connection


def connect(host: str, port: int) -> socket.socket:
    """Return a connection whose end is noticed, also when the network only falls silent."""
    connection = socket.create_connection((host, port), CONNECT_WITHIN)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    return connection
