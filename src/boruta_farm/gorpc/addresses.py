"""Which addresses a board over Go RPC may register: those it calls from, and those allowed."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final

from boruta_farm.lookups import Lookups
from boruta_farm.model.addresses import (
    IP,
    Network,
    network_of,
    parse_ip,
    same,
    with_port,
    within,
)
from boruta_farm.model.errors import AddressError

LOOKUPS: Final = Lookups()

IP_MISSING: Final = "IP address is missing from address"
PORT_MISSING: Final = "Port is missing from address"
RESOLVE_WITHIN: Final = 5.0
_LONGEST: Final = 300


class AddressRules:
    """Complete a board's addresses and refuse those that it may not name.

    Whoever registers an address makes the server, and every user of the board, connect to it. So
    a board may name only the address it calls from; ``allow`` widens that by networks whose
    addresses any board may name. ``own_ports`` of this machine are refused always, since they
    lead back to the server; ``public_ip`` counts as this machine although it may be a router's.
    """

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        own_ports: Callable[[int], bool] = lambda _port: False,
        public_ip: str | None = None,
    ) -> None:
        self._allow = tuple(allow)
        self._own_ports = own_ports
        self._public_ip = parse_ip(public_ip or "")

    async def complete(self, address: str, caller: str) -> str:
        """Return ``IP:port``, with the caller's IP where the host is missing or means "any".

        Host names are resolved. Raises AddressError, in the original's words where it has some.
        """
        host, port = split_address(address)
        ip = await self._resolve(host, caller)
        if ip is None:
            raise AddressError(IP_MISSING)
        if not 0 < port < 65536:
            raise AddressError(PORT_MISSING)
        if not self.may_name(ip, caller):
            raise AddressError(
                f"{address} is not the address {caller} that the board calls from; let it "
                "announce only a port, or allow the network in the server's setting rpc_allow"
            )
        if self._own_ports(port) and (ip == self._public_ip or _is_local(ip)):
            raise AddressError(
                f"{address} is a port of this server itself; give the board another one"
            )
        return with_port(ip, port)

    def may_name(self, ip: IP, caller: str) -> bool:
        """Tell whether whoever calls from this address may speak of a board at ``ip``."""
        return same(str(ip), caller) or within(ip, self._allow)

    async def _resolve(self, host: str, caller: str) -> IP | None:
        ip = parse_ip(host)
        if not host or (ip is not None and ip.is_unspecified):
            return parse_ip(caller)
        if ip is not None:
            return ip
        found = await _look_up(host, caller)
        return next((one for one in found if self.may_name(one, caller)), next(iter(found), None))


def split_address(address: str) -> tuple[str, int]:
    """Return host and port, empty and 0 where they are missing. Raises AddressError."""
    if len(address) > _LONGEST or not address.isprintable():
        raise AddressError("an address given at registration is no HOST:PORT")
    host, _, port = address.rpartition(":")
    known = port.isascii() and port.isdigit() and len(port) <= 5
    return host.removeprefix("[").removesuffix("]"), int(port) if known else 0


async def _look_up(host: str, caller: str) -> list[IP]:
    try:
        async with asyncio.timeout(RESOLVE_WITHIN):
            found = await LOOKUPS.find(host, network_of(caller))
    except (TimeoutError, OSError, UnicodeError) as error:
        raise AddressError(f"the host name {host!r} cannot be resolved: {error}") from None
    return [ip for _, address in found if (ip := parse_ip(address)) is not None]


def _is_local(ip: IP) -> bool:
    """Tell whether an address is one of this machine's: only those can be bound."""
    family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(ip), 0))
        except OSError:
            return False
    return True
