"""What addresses an agent may announce: without a host, its own is taken."""

from boruta_farm.model.addresses import (
    is_anywhere,
    is_loopback,
    is_ours_alone,
    parse_ip,
    same,
    with_port,
)
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
    if is_anywhere(host):
        peer = parse_ip(peer_ip)
        return f"{peer_ip}:{port}" if peer is None else with_port(peer, port)
    if dialled and is_loopback(host) and not is_loopback(peer_ip):
        raise AddressError(
            f"{address} is a loopback address, but the board's agent called from {peer_ip}: "
            "announce an address at which this server reaches the board, or, on one machine, "
            "let the agent dial 127.0.0.1"
        )
    if dialled and is_ours_alone(host) and not is_ours_alone(peer_ip):
        raise AddressError(
            f"{address} is good on one cable only, and the board's agent called from {peer_ip}: "
            "announce an address at which this server reaches the board"
        )
    return address


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
    ours, seen = parse_ip(local_ip or ""), parse_ip(peer_ip)
    if not is_anywhere(host):
        return Reach.OUTBOUND if is_loopback(host) and not is_loopback(peer_ip) else reach
    translated = ours is not None and seen is not None and not same(str(ours), str(seen))
    return Reach.OUTBOUND if translated else reach
