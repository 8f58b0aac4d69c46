"""A rehearsal's steps: printed with their time, waited for so long, checked."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from boruta_farm.model.errors import BorutaError

Result = TypeVar("Result")

WITHIN: Final = 60.0
"""Seconds each step may take."""


class Steps:
    """Tell what a rehearsal does, and how long after its beginning."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._started = time.monotonic()

    def _step(self, text: str) -> None:
        self._say(f"[{time.monotonic() - self._started:6.2f} s] {text}")

    async def _in_time(self, what: str, work: Awaitable[Result]) -> Result:
        """Return what the work returns. Raises BorutaError when that takes too long."""
        try:
            async with asyncio.timeout(WITHIN):
                return await work
        except TimeoutError:
            raise BorutaError(f"waited {WITHIN:g} s in vain for {what}") from None


def must(holds: bool, trouble: str) -> None:
    """Raise BorutaError with the trouble unless this holds."""
    if not holds:
        raise BorutaError(trouble)
