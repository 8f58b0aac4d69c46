"""A history that fails made as short as it can be while it fails in the same way."""

import re
from collections.abc import Callable, Sequence

from tests.sim.history import Result
from tests.sim.steps import Step

MOST_TRIES = 250


def kind(broken: str | None) -> str:
    """Return what kind of promise was broken, without names, numbers and times."""
    return re.sub(r"[0-9a-f-]{8,}|\d+|'[^']*'|\[.*\]|\(uuid.*", "", broken or "")[:60]


def shrink(
    steps: Sequence[Step], broken: str, replay: Callable[[Sequence[Step]], Result]
) -> tuple[Step, ...]:
    """Return the fewest steps found that break the same kind of promise.

    Parts are left out, the largest first, as long as that goes on failing (ddmin).
    """
    left, wanted = tuple(steps), kind(broken)
    size, tries = max(1, len(left) // 2), 0
    while tries < MOST_TRIES:
        for start in range(0, len(left), size):
            fewer = left[:start] + left[start + size :]
            tries += 1
            if kind(replay(fewer).broken) == wanted:
                left = fewer
                break
            if tries >= MOST_TRIES:
                break
        else:
            if size == 1:
                break
            size = max(1, size // 2)
    return left
