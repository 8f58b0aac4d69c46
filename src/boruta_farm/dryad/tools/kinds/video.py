"""The screen of the device under test."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Carry one picture as a file of its type, such as ``image/jpeg``."""

    media_type: str
    data: bytes


@runtime_checkable
class Video(Protocol):
    """See the screen. Both raise BoardError, also where there is no signal."""

    async def snapshot(self) -> Picture:
        """Return what the screen shows now."""
        ...

    def stream(self) -> AsyncIterator[Picture]:
        """Yield pictures as they come, until the caller stops."""
        ...
