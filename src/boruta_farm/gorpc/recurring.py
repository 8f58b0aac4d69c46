"""Type definitions that come again and again: boards of one kind all send the same bytes."""

from typing import Final

from boruta_farm.gorpc.limits import GobLimits
from boruta_farm.gorpc.types import WireType

KEPT: Final = 64
LONGEST: Final = 1024
"""Bytes of a definition; longer ones are read each time."""


class Recurring:
    """Remember what definitions described, so that a thousand boards cost one reading of each.

    A definition is kept only after it was accepted under the same limits. A peer that sends ever
    new ones costs others that advantage and no memory worth the name.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._types: dict[tuple[GobLimits, bytes], WireType] = {}

    def __len__(self) -> int:
        return len(self._types)

    def find(self, limits: GobLimits, definition: bytes) -> WireType | None:
        """Return the type that exactly these bytes have described before."""
        return self._types.get((limits, definition))

    def keep(self, limits: GobLimits, definition: bytes, described: WireType) -> None:
        """Remember a definition in place of the oldest."""
        if len(definition) > LONGEST:
            return
        self._types[limits, definition] = described
        if len(self._types) > self._kept:
            del self._types[next(iter(self._types))]


DEFINITIONS: Final = Recurring()
"""Those of all connections of this process."""
