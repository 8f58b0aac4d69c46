"""What comes in at the door, handed to ssh in slices; before somebody has signed in, so much alone.

The library handles all packets of what was read in one go, some 25 us each: a stranger who sent
small ones without end, over forty connections, kept everybody else waiting for ever.
"""

import asyncio
from collections.abc import Callable
from typing import Final

MOST_BEFORE: Final = 128 * 1024
"""Bytes that somebody may send until he has signed in: twenty keys or certificates, proofs and all,
are less."""
SLICE_BEFORE: Final = 512
SLICE: Final = 32 * 1024
"""Bytes that are handled before others have their turn, until he has signed in and afterwards."""


class Intake(asyncio.Protocol):
    """Stand between a connection's transport and the library, which takes no notice of it."""

    def __init__(
        self,
        transport: asyncio.Transport,
        library: asyncio.Protocol,
        too_much: Callable[[], None],
    ) -> None:
        """Take the place of the library; ``too_much`` ends what sends more than a sign-in takes."""
        self.signed_in = False
        self._transport = transport
        self._library = library
        self._too_much = too_much
        self._taken = 0
        self._waiting = bytearray()
        self._in_turns = False
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Hand on a slice now, the rest in turns; nothing more is read meanwhile."""
        if not self.signed_in:
            self._taken += len(data)
            if self._taken > MOST_BEFORE:
                self._waiting.clear()
                self._too_much()
                return
        self._waiting += data
        if self._in_turns:
            return
        self._hand_on()
        if self._waiting:
            self._in_turns = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._hand_on()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._go_on)
            return
        self._in_turns = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _hand_on(self) -> None:
        size = SLICE if self.signed_in else SLICE_BEFORE
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
        self._waiting.clear()
        self._library.connection_lost(exc)
