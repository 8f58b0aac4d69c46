"""A medium that either the supervisor or the device under test holds: a card, a USB stick."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Holder(StrEnum):
    """Who holds a medium."""

    SUPERVISOR = "supervisor"
    DUT = "dut"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Carry bytes for one place of a medium; places rise, and gaps are left as they are."""

    offset: int
    data: bytes


@runtime_checkable
class Storage(Protocol):
    """Give a medium to one side, and write and read it. All raise BoardError when it fails."""

    async def give(self, to: Holder) -> None:
        """Give it to supervisor or device; return when it is there."""
        ...

    async def holder(self) -> Holder:
        """Tell who holds it; nothing is switched."""
        ...

    async def size(self) -> int | None:
        """Return its bytes, None where that cannot be asked; the supervisor must hold it."""
        ...

    async def write(self, pieces: AsyncIterator[Piece]) -> None:
        """Write all pieces; return when the medium itself has them (synced)."""
        ...

    def read(self, offset: int, length: int | None) -> AsyncIterator[bytes]:
        """Yield what the medium itself holds, past every cache; None reads to its end."""
        ...
