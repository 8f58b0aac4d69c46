"""How long to wait before dialling again."""

from collections.abc import Callable
from typing import Final

FIRST: Final = 0.5
LONGEST: Final = 30.0
SLOW: Final = 60.0


class Backoff:
    """Double the longest wait with every failure, and draw the wait from all below it.

    Full jitter keeps a thousand boards from coming back at the same moment. ``draw`` returns a
    random number from 0 to 1.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait after one more failure."""
        longest = min(FIRST * 2.0 ** min(self._failures, 16), LONGEST)
        self._failures += 1
        return longest * self._draw()

    def slow(self) -> float:
        """Return the seconds to wait when only a person can help: 60, give or take a tenth."""
        return SLOW * (0.9 + 0.2 * self._draw())

    def reset(self) -> None:
        """Start over after a success."""
        self._failures = 0
