"""Wait for a text in a stream of any length, in bounded memory."""

import re
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 64 * 1024
"""Bytes that are looked at together; a longer match is not found."""

KEPT: Final = 16 * 1024
"""Bytes at least that stay in view when the window moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternMatch:
    """Tell what matched; of the bytes that were fed last, ``unread`` came behind it."""

    text: bytes
    groups: tuple[bytes | None, ...]
    unread: int


class Expectation:
    """Look for a regular expression, ``$`` and ``^`` at lines' ends and starts, UTF-8 as bytes."""

    def __init__(self, pattern: str) -> None:
        self._wanted = re.compile(pattern.encode(errors="surrogateescape"), re.MULTILINE)
        self._seen = b""

    @property
    def last_line(self) -> str:
        """Return the last line that holds something, or the beginning of one."""
        lines = [line for line in self._seen[-1000:].splitlines() if line.strip()]
        return lines[-1].decode(errors="replace") if lines else ""

    def feed(self, data: bytes) -> PatternMatch | None:
        """Take the next bytes; return the first match."""
        for start in range(0, len(data), WINDOW - KEPT):
            piece = data[start : start + WINDOW - KEPT]
            self._seen = self._seen[-KEPT:] + piece
            if match := self._wanted.search(self._seen):
                left = len(self._seen) - match.end() + len(data) - start - len(piece)
                return PatternMatch(
                    text=match[0], groups=match.groups(), unread=min(left, len(data))
                )
        return None
