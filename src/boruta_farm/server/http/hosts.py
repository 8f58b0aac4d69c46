"""Under which names the server may be addressed."""

import re
import socket
from collections.abc import Callable
from typing import Final

import httptools

from boruta_farm.model.addresses import parse_ip
from boruta_farm.server.http.framing import Head
from boruta_farm.server.http.refusals import MISDIRECTED, LastAnswer

EVERY: Final = "*"
HOST: Final = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+(?:%[\w.~-]+)?)\]|([\w.-]+|[0-9A-Fa-f:.]+))(?::\d*)?", re.ASCII
)
"""``NAME:PORT``, ``IP:PORT`` or ``[IPV6]:PORT``, each also without the port.

Programs that dial a link-local address send its zone along, though it is their own affair.
"""
REMEMBERED: Final = 100


class Hosts:
    """Let calls in that name this server, and nobody else's name.

    A page of a foreign name can have that name point at this machine (DNS rebinding): to the
    browser it is then the same site, so neither Origin nor preflight protects. But the name stands
    in Host. Addresses are let in, since no page can be called by one that is not its server's, and
    so are calls of HTTP/1.0 without a Host, which no browser sends.
    """

    def __init__(
        self, public: tuple[str, ...] = (), certified: Callable[[], tuple[str, ...]] = tuple
    ) -> None:
        """Take the configured names, and what tells those of the certificate in use."""
        own = ("localhost", socket.gethostname())
        self._names = frozenset(_plain(name) for name in (*own, *public))
        self._certified = certified
        self._seen: tuple[str, ...] = ()
        self._known: set[bytes] = set()

    def judge(self, head: Head) -> LastAnswer | None:
        """Return why a call is refused, if it is."""
        for name, value in head.headers:
            if name == b"host":
                if not self._knows(value):
                    return MISDIRECTED
                break
        if not head.url.startswith((b"/", b"*")):
            # Of a whole address its own host counts, whatever Host says.
            host = httptools.parse_url(head.url).host
            if host is not None and not self._knows(host):
                return MISDIRECTED
        return None

    def _knows(self, value: bytes) -> bool:
        """Tell whether this is us; nearly every call says what the one before it said."""
        certified = self._certified()
        if certified is not self._seen:
            self._seen = certified
            self._known.clear()
        if value in self._known:
            return True
        found = HOST.fullmatch(value.decode("latin-1"))
        if found is None or not self._is_ours(found[1] or found[2]):
            return False
        if len(self._known) < REMEMBERED:
            self._known.add(value)
        return True

    def _is_ours(self, host: str) -> bool:
        if parse_ip(host) is not None:
            return True
        name = _plain(host)
        if name in self._names or EVERY in self._names or name.endswith(".localhost"):
            return True
        certified = {_plain(known) for known in self._seen}
        return name in certified or f"*.{name.partition('.')[2]}" in certified


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")
