"""What addresses an agent may announce: without a host, its own is taken."""

import ipaddress

from boruta_farm.model.errors import AddressError


def complete(address: str, peer_ip: str) -> str:
    """Return ``host:port`` with the peer's IP where the host is missing or means "any".

    Raises AddressError for a loopback host announced from another machine: the server would
    reach itself there.
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
    if (host == "localhost" or (ip is not None and ip.is_loopback)) and not _is_local(peer_ip):
        raise AddressError(
            f"{address} is a loopback address, but the board's agent called from {peer_ip}: "
            "announce an address at which this server reaches the board, or, on one machine, "
            "let the agent dial 127.0.0.1"
        )
    return address


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def _is_local(peer_ip: str) -> bool:
    ip = _ip(peer_ip)
    return ip is not None and ip.is_loopback
