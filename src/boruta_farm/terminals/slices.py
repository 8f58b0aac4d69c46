"""What comes in over an ssh connection, in slices between which everybody else has his turn.

The library handles all packets of what was read in one go, some 25 us each, and a quarter of a
megabyte is read at once: a board that sent the smallest packets without end kept all others of the
process waiting.
"""

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncssh

SLICE: Final = 4 * 1024
"""Bytes of a board that are handled before others have their turn: at most some 10 ms."""


class Slices(asyncio.Protocol):
    """Stand between a connection's transport and the library, which takes no notice of it."""

    def __init__(self, transport: asyncio.Transport, library: asyncio.Protocol) -> None:
        """Take the place of the library."""
        self._transport = transport
        self._library = library
        self._waiting = bytearray()
        self._in_turns = False
        transport.set_protocol(self)

    def at_once(self) -> int:
        """Return how many bytes are handed on in one turn."""
        return SLICE

    def data_received(self, data: bytes) -> None:
        """Hand on a slice now, the rest in turns; nothing more is read meanwhile."""
        self._waiting += data
        if self._in_turns:
            return
        self._hand_on()
        if self._waiting:
            self._in_turns = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def drop(self) -> None:
        """Hand on nothing of what waits."""
        self._waiting.clear()

    def _go_on(self) -> None:
        self._hand_on()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._go_on)
            return
        self._in_turns = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _hand_on(self) -> None:
        size = self.at_once()
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        if piece:
            self._library.data_received(piece)

    def eof_received(self) -> bool | None:
        """Hand on that nothing more comes."""
        return self._library.eof_received()

    def pause_writing(self) -> None:
        """Hand on that the other side does not read."""
        self._library.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that it reads again."""
        self._library.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on that it is over."""
        self.drop()
        self._library.connection_lost(exc)


def sliced_client() -> "asyncssh.SSHClient":
    """Return what the library tells of a connection to a board, which comes in slices."""
    import asyncssh

    class SlicedClient(asyncssh.SSHClient):
        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            # Told by nothing public; the library hands what it was given to nobody else.
            transport = conn._transport  # noqa: SLF001
            assert transport is not None
            Slices(transport, conn)

    return SlicedClient()
