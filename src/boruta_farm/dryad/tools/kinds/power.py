"""Power of the device under test."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerState:
    """Tell whether there is power, None where it cannot be read, and how much is drawn."""

    on: bool | None
    watts: float | None = None


@runtime_checkable
class Power(Protocol):
    """Switch the power. All raise BoardError and may be called off at any moment."""

    async def on(self) -> None:
        """Give power; return when it is there."""
        ...

    async def off(self) -> None:
        """Take the power away; return when it is gone."""
        ...

    async def cycle(self, pause: float) -> None:
        """Take the power away for so many seconds, then give it."""
        ...

    async def state(self) -> PowerState:
        """Read the power; nothing is switched."""
        ...
