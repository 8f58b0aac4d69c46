"""Listening sockets, of one stack or of both, and room for what comes in by them."""

import errno
import resource
import socket

from boruta_farm.model.addresses import EVERYWHERE, parse_ip

ANY_IPV4 = "0.0.0.0"
ANY_IPV6 = "::"
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Return a socket that listens there and does not block. Raises OSError.

    Without a host, and at ``::``, callers of both stacks come in, as they do to Go's servers: those
    of IPv4 show as mapped addresses. Without a host a machine that has no IPv6 makes do with IPv4.
    """
    if host == EVERYWHERE:
        try:
            return _bound(ANY_IPV6, port, backlog)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
            host = ANY_IPV4
    return _bound(host, port, backlog)


def allow_many_files() -> None:
    """Let this process open as many files as the system lets it: each connection is one.

    Shells and service managers begin with 1,024 as a rule, which callers of one port could use up
    so that those of another are turned away.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _bound(host: str, port: int, backlog: int) -> socket.socket:
    family, address = _place(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            both = str(address[0]) == ANY_IPV6
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        listener.bind(address)
        listener.listen(backlog)
    except BaseException:
        listener.close()
        raise
    return listener


def _place(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]:
    """Return family and address, zones resolved; of a name's addresses one of IPv4 comes first."""
    ip = parse_ip(host)
    found = socket.getaddrinfo(
        host if ip is None else str(ip), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, *_, address = min(found, key=lambda place: place[0] is not socket.AF_INET)
    return family, address
