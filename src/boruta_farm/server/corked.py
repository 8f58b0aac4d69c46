"""Writes of one answer put together."""

import asyncio


class Corked:
    """Hold what is written to a connection, and write it at once when the answer is complete.

    The HTTP server writes the head and the body of an answer one after the other. Each write is a
    system call that wakes the client up, and half of what a small answer costs. Whatever is held
    is written in the next round of the loop at the latest: the head of a stream whose first event
    may be minutes away must not wait for it.
    """

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Hold ``data`` until ``flush``."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def flush(self) -> None:
        """Write what is held, if anything is and the connection is still open."""
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            if not self._transport.is_closing():
                self._transport.write(data)

    def close(self) -> None:
        """Close the connection once everything is written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed or about to be."""
        return self._transport.is_closing()
