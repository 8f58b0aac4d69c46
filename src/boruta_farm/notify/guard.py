"""Which addresses a webhook may lead to: none that only this machine or its network can reach.

Whoever names an address has the server call it. Without this a user could have it call itself, the
database beside it, or the machines of the lab (server-side request forgery).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from boruta_farm.lookups import Lookups
from boruta_farm.model.addresses import Network, is_public, with_port, within
from boruta_farm.model.webhook import fault_of

FOUND_WITHIN: Final = 10.0
PORTS: Final = {"https": 443, "http": 80}


class RefusedAddressError(Exception):
    """An address that the server does not call; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAddress:
    """Tell where a message goes: the one address that was judged, and what it is called there.

    The name is not looked up again: who answers for it could answer otherwise the next time.
    """

    url: str
    host: str
    name: str


class AddressGuard:
    """Find the places of webhooks; ``allowed`` are networks that the admin opens."""

    def __init__(self, allowed: Iterable[Network] = (), lookups: Lookups | None = None) -> None:
        self._allowed = tuple(allowed)
        self._lookups = lookups or Lookups()

    async def place(self, url: str, asker: str) -> JudgedAddress:
        """Return where a message for this address may go.

        Raises RefusedAddressError, and OSError where the name cannot be looked up.
        """
        fault = fault_of(url)
        if fault is not None:
            raise RefusedAddressError(fault)
        parts = urlsplit(url)
        name = parts.hostname or ""
        try:
            async with asyncio.timeout(FOUND_WITHIN):
                found = await self._lookups.find(name, asker)
        except UnicodeError:
            raise RefusedAddressError("its name is none") from None
        for _family, address in found:
            opened = within(address, self._allowed)
            if not opened and not is_public(address):
                continue
            if parts.scheme != "https" and not opened:
                raise RefusedAddressError("what is said there could be read on the way: use https")
            port = parts.port or PORTS[parts.scheme]
            target = (parts.scheme, with_port(address, port), parts.path or "/", parts.query, "")
            return JudgedAddress(url=urlunsplit(target), host=parts.netloc, name=name)
        raise RefusedAddressError(
            "it leads to this machine or into a private network, which notify_allow does not open"
        )
