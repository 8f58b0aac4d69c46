"""What comes in at the door: before somebody has signed in, so much alone, and in small slices.

A stranger who sent small packets without end, over forty connections, kept everybody else waiting
for ever.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from boruta_farm.terminals.slices import Slices

MOST_BEFORE: Final = 128 * 1024
"""Bytes that somebody may send until he has signed in: twenty keys or certificates, proofs and all,
are less."""
SLICE_BEFORE: Final = 512
SLICE: Final = 8 * 1024
"""Bytes that are handled before others have their turn, until he has signed in and afterwards."""


class Intake(Slices):
    """Hand on what a guest sends."""

    def __init__(
        self,
        transport: asyncio.Transport,
        library: asyncio.Protocol,
        too_much: Callable[[], None],
    ) -> None:
        """Take the place of the library; ``too_much`` ends what sends more than a sign-in takes."""
        self.signed_in = False
        self._too_much = too_much
        self._taken = 0
        super().__init__(transport, library)

    def at_once(self) -> int:
        """Return how many bytes are handed on in one turn."""
        return SLICE if self.signed_in else SLICE_BEFORE

    def data_received(self, data: bytes) -> None:
        """Hand it on, unless it is more than a sign-in takes."""
        if not self.signed_in:
            self._taken += len(data)
            if self._taken > MOST_BEFORE:
                self.drop()
                self._too_much()
                return
        super().data_received(data)
