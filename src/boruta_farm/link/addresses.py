"""What addresses an agent may announce: without a host, its own is taken."""

import ipaddress

from boruta_farm.model.errors import AddressError
from boruta_farm.model.worker import Reach


def complete(address: str, peer_ip: str, *, dialled: bool = True) -> str:
    """Return ``host:port`` with the peer's IP where the host is missing or means "any".

    Raises AddressError for a loopback host announced from another machine, unless nobody will
    dial it (``dialled`` False): the server would reach itself there.
    """
    if not address:
        raise AddressError("an address given at registration can't be empty")
    host, separator, port = address.rpartition(":")
    if not separator:
        host, port = "", address
    ip = _ip(host)
    if not host or (ip is not None and ip.is_unspecified):
        peer = _ip(peer_ip)
        known = peer_ip if peer is None else f"[{peer}]" if peer.version == 6 else f"{peer}"
        return f"{known}:{port}"
    if dialled and _is_loopback(host) and not _is_loopback(peer_ip):
        raise AddressError(
            f"{address} is a loopback address, but the board's agent called from {peer_ip}: "
            "announce an address at which this server reaches the board, or, on one machine, "
            "let the agent dial 127.0.0.1"
        )
    peer = _ip(peer_ip)
    if dialled and ip is not None and ip.is_link_local and not (peer and peer.is_link_local):
        raise AddressError(
            f"{address} is good on one cable only, and the board's agent called from {peer_ip}: "
            "announce an address at which this server reaches the board"
        )
    return address


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def _is_loopback(host: str) -> bool:
    ip = _ip(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def settle_reach(wanted: str | None, ssh_address: str, local_ip: str | None, peer_ip: str) -> Reach:
    """Return how a board will be reached that wants to be reached so.

    Who leaves it open (``auto``) is dialled, and asked for streams where that fails. But where
    its agent's address is translated on the way to the server, dialling would reach whatever
    machine bears that address; and a loopback address is only the board's own: both are
    outbound. Agents that open no streams say nothing. Raises AddressError for another word.
    """
    if wanted is None:
        return Reach.DIRECT
    try:
        reach = Reach(wanted)
    except ValueError:
        raise AddressError(f"reach {wanted!r} is none of direct, outbound, auto") from None
    if reach is not Reach.AUTO:
        return reach
    host = ssh_address.rpartition(":")[0]
    named, ours, seen = _ip(host), _ip(local_ip or ""), _ip(peer_ip)
    announced = bool(host) and not (named is not None and named.is_unspecified)
    if announced:
        return Reach.OUTBOUND if _is_loopback(host) and not _is_loopback(peer_ip) else reach
    translated = ours is not None and seen is not None and ours != seen
    return Reach.OUTBOUND if translated else reach
