"""Parts of what is said, in one line."""

from collections.abc import Iterable


def joined(parts: Iterable[str]) -> str:
    """Write parts of what is said into one line; what asks has its own sign at its end."""
    return "; ".join(parts).replace("?; ", "? ")
