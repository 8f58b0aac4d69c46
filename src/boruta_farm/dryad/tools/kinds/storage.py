"""A medium that either the supervisor or the device under test holds: a card, a USB stick."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from boruta_farm.dryad.users.media import MediumUse


class Holder(StrEnum):
    """Who holds a medium."""

    SUPERVISOR = "supervisor"
    DUT = "dut"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMedium:
    """Hold an open medium: whoever opened it gives the descriptor on to a process of ours.

    One that ``grows`` is written from its beginning to its end: a pipe, or a file made for it,
    which takes ``room`` bytes at most.
    """

    descriptor: int
    grows: bool = False
    room: int | None = None


@runtime_checkable
class Storage(Protocol):
    """Give a medium to one side, and open it. All raise BoardError when it fails.

    ``folder`` is for the agent's copies of images; ``can_read`` tells whether what was written can
    be read back.
    """

    folder: Path
    can_read: bool

    async def give(self, to: Holder) -> None:
        """Give it to supervisor or device; return when it is there."""
        ...

    async def holder(self) -> Holder:
        """Tell who holds it; nothing is switched."""
        ...

    def open(self, use: MediumUse) -> AbstractAsyncContextManager[OpenMedium]:
        """Open it at the supervisor, which must hold it, for the block.

        The end of the block waits for what else takes part, such as a program that writes, and
        raises BoardError if that failed.
        """
        ...
