"""What an address means, however it is written: the same one, this machine's, of a network."""

import ipaddress
from collections.abc import Iterable
from typing import Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit

IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERYWHERE: Final = ""
"""The host of who listens at every address of this machine, of both stacks."""

SITE_BITS: Final = 64
"""Of an IPv6 address the part that a site is given; the rest its machines choose at will."""

_WEBSOCKETS: Final = {"http": "ws", "https": "wss"}
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
_TRANSLATED_HERE: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_STATELESS: Final = ipaddress.IPv6Network("::ffff:0:0:0/96")
_GIVEN_OUT: Final = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that anybody has in the world; the library counts what is reserved as global too."""
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_WITH_IPV4_LAST: Final = (_TRANSLATED, _TRANSLATED_HERE, _STATELESS, _COMPATIBLE)


def parse_ip(text: str) -> IP | None:
    """Return the address, with or without brackets; None for anything else, such as a name.

    IPv4 that comes mapped into IPv6, as it does on sockets that serve both, is IPv4. An IPv6 zone
    (``%eth0``) is kept: on another cable the same number is another machine.
    """
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return _unmapped(ip)


def parse_network(text: str, *, strict: bool = True) -> Network:
    """Return the network, IPv4 also where it is written mapped into IPv6.

    ``strict`` refuses one with bits behind its prefix. Raises ValueError.
    """
    network = ipaddress.ip_network(text, strict=strict)
    if isinstance(network, ipaddress.IPv4Network) or not network.subnet_of(_MAPPED):
        return network
    ipv4 = ipaddress.IPv4Address(int(network.network_address) & 0xFFFFFFFF)
    return ipaddress.IPv4Network((ipv4, network.prefixlen - _MAPPED.prefixlen))


def mapped(network: ipaddress.IPv4Network) -> ipaddress.IPv6Network:
    """Return how a network's addresses look on a socket that serves both stacks."""
    base = int(_MAPPED.network_address) | int(network.network_address)
    return ipaddress.IPv6Network((base, _MAPPED.prefixlen + network.prefixlen))


def within(address: str | IP | None, networks: Iterable[Network]) -> bool:
    """Tell whether an address belongs to one of the networks; what is no address does not."""
    ip = parse_ip(address) if isinstance(address, str) else address
    return ip is not None and any(ip in network for network in networks)


def canonical(host: str) -> str:
    """Return the one spelling of an address; names stay as they are, without brackets.

    It is what is compared, counted by and shown of where somebody comes from.
    """
    if ":" not in host:
        # Dotted IPv4 has one spelling, and most calls come from there.
        return host
    ip = parse_ip(host)
    return host.removeprefix("[").removesuffix("]") if ip is None else str(ip)


def same(one: str, other: str) -> bool:
    """Tell whether two texts name one address; a zone that only one of them tells is no difference.

    Names are compared as such, without regard to case.
    """
    first, second = parse_ip(one), parse_ip(other)
    if first is None or second is None:
        return first is second and canonical(one).lower() == canonical(other).lower()
    if int(first) != int(second) or first.version != second.version:
        return False
    return len({zone_of(one), zone_of(other)} - {""}) < 2


def zone_of(host: str) -> str:
    """Return by which of a machine's cables an IPv6 address is meant, empty where that is open."""
    return getattr(parse_ip(host), "scope_id", None) or ""


def network_of(host: str) -> str:
    """Return whom to count a stranger's doings for: his address, of IPv6 the site's network.

    Whoever has an IPv6 connection has 2**64 addresses to come from. On one cable (link-local
    addresses) and on this machine each address is one neighbour.
    """
    ip = parse_ip(host)
    if not isinstance(ip, ipaddress.IPv6Address) or ip.is_link_local or ip.is_loopback:
        return canonical(host)
    return str(ipaddress.IPv6Network((int(ip), SITE_BITS), strict=False))


def is_loopback(host: str | None) -> bool:
    """Tell whether a host, by address or by name, is this machine alone."""
    if host is None:
        return False
    ip = parse_ip(host)
    return ip.is_loopback if ip is not None else host.lower().removesuffix(".") == "localhost"


def is_anywhere(host: str) -> bool:
    """Tell whether a host stands for every address of a machine: none, or "any" of a stack."""
    ip = parse_ip(host)
    return host in ("", "[]") if ip is None else ip.is_unspecified


def dialled(host: str) -> str:
    """Return where this machine reaches what it listens to there; of all addresses the loopback."""
    return "127.0.0.1" if is_anywhere(host) else host


def is_ours_alone(host: str) -> bool:
    """Tell whether an address means something else on every machine, also inside of another.

    To dial it for a stranger would reach this machine or what hangs on its cables.
    """
    ip = parse_ip(host)
    if ip is None:
        return False
    return any(
        each.is_loopback or each.is_link_local or each.is_unspecified or each.is_multicast
        for each in (ip, *_carried(ip))
    )


def is_public(host: str) -> bool:
    """Tell whether an address is anybody's in the world: not this machine's, nor a private one.

    Nor may one be that an IPv6 address leads to by a translation on the way.
    """
    ip = parse_ip(host)
    if ip is None:
        return False
    known = ip.version == 4 or ip in _GIVEN_OUT or ip in _TRANSLATED
    return known and all(each.is_global and not each.is_multicast for each in (ip, *_carried(ip)))


def with_port(host: str | IP, port: int | str) -> str:
    """Return ``HOST:PORT``, with brackets around IPv6."""
    text = str(host)
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def websocket_url(server: str, path: str) -> str:
    """Return where a server takes WebSockets at a path, such as /api/v1/link, below its address."""
    parts = urlsplit(server)
    scheme = _WEBSOCKETS.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + path, "", ""))


def is_exposed(url: str) -> bool:
    """Tell whether what is sent there leaves this machine without TLS."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "ws") and not is_loopback(parts.hostname)


def _unmapped(ip: IP) -> IP:
    inner = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return inner or ip


def _carried(ip: IP) -> Iterable[ipaddress.IPv4Address]:
    """Yield the IPv4 address that an IPv6 one leads to by a translation on the way."""
    if isinstance(ip, ipaddress.IPv4Address):
        return
    if ip in _SIX_TO_FOUR:
        yield ipaddress.IPv4Address(int(ip) >> 80 & 0xFFFFFFFF)
    elif any(ip in each for each in _WITH_IPV4_LAST):
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
