"""Addresses of names that others have chosen: looked up in threads for that alone."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

THREADS: Final = 32

Found: TypeAlias = "list[tuple[socket.AddressFamily, str]]"
"""The addresses of a name, each with its family."""


class Lookups:
    """Look names up, one at a time of each asker.

    Whoever chooses a name chooses who answers for it, and when: a lookup cannot be called off, and
    many that hang would use up the threads in which everybody's names are looked up.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "lookup")
        self._running: dict[str, tuple[str, asyncio.Future[Found]]] = {}

    async def find(self, host: str, asker: str) -> Found:
        """Return a name's addresses. Raises OSError, UnicodeError.

        Who is called off while it lasts, or after a limit of his own, leaves it to its end: until
        then the same asker's next lookup waits, or shares it.
        """
        while (running := self._running.get(asker)) is not None:
            name, lookup = running
            if name == host:
                return await asyncio.shield(lookup)
            await asyncio.wait((lookup,))
        loop = asyncio.get_running_loop()
        lookup = loop.run_in_executor(self._threads, _find, host)
        self._running[asker] = host, lookup
        lookup.add_done_callback(lambda done: self._ended(asker, done))
        return await asyncio.shield(lookup)

    def _ended(self, asker: str, lookup: "asyncio.Future[Found]") -> None:
        del self._running[asker]
        if not lookup.cancelled():
            # Nobody may have waited for it.
            lookup.exception()


def _find(host: str) -> Found:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [(family, str(where[0])) for family, _, _, _, where in found]
