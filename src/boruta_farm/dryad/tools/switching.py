"""What tools that switch something have in common."""

import asyncio
from collections.abc import Awaitable, Callable

_ON = frozenset({"on", "1", "true", "yes", "high", "active", "enabled"})
_OFF = frozenset({"off", "0", "false", "no", "low", "inactive", "disabled"})


def read_state(text: str) -> bool | None:
    """Return what the first word of an answer says: on, off, or None for anything else."""
    word = next(iter(text.split()), "").strip("\"'.,;:").lower()
    return True if word in _ON else False if word in _OFF else None


async def off_and_on(
    off: Callable[[], Awaitable[None]], on: Callable[[], Awaitable[None]], pause: float
) -> None:
    """Cycle power by switching it."""
    await off()
    await asyncio.sleep(pause)
    await on()
