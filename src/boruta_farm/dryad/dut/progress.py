"""How far a long act has come, told on standard error: a line that moves, or one now and then."""

import sys
import time
from collections.abc import Mapping
from typing import Any, Final

LINE_EVERY: Final = 5.0
"""Seconds between the lines where there is no terminal."""

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Return a number of bytes for people: ``1.2 GB``."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.{1 if unit else 0}f} {_UNITS[unit]}"


class ProgressLine:
    """Tell what notes say; ``phase`` is the last one that was heard of."""

    def __init__(self, *, moves: bool = False) -> None:
        self.phase = ""
        self._began = 0.0
        self._first = 0
        self._last = 0.0
        self._width = 0
        self._moves = moves or sys.stderr.isatty()

    def show(self, note: Mapping[str, Any]) -> None:
        """Take a note."""
        now = time.monotonic()
        phase, done, total = str(note["phase"]), int(note["bytes"]), note.get("total")
        if phase != self.phase:
            self.phase, self._began, self._first = phase, now, done
            self._last = self._last or now
        if not self._moves and now - self._last < LINE_EVERY:
            return
        self._last = now
        self._say(_words(phase, done, total, done - self._first, now - self._began))

    def clear(self) -> None:
        """Take the line away."""
        if self._moves and self._width:
            print(f"\r{' ' * self._width}\r", end="", file=sys.stderr, flush=True)
            self._width = 0

    def _say(self, words: str) -> None:
        if not self._moves:
            print(words, file=sys.stderr, flush=True)
            return
        print(f"\r{words.ljust(self._width)}", end="", file=sys.stderr, flush=True)
        self._width = len(words)


def _words(phase: str, done: int, total: int | None, moved: int, seconds: float) -> str:
    parts = [f"{phase:<6}", size(done)]
    if total:
        parts.insert(1, f"{100 * done / total:3.0f} %")
    rate = moved / seconds if seconds > 0.2 else 0.0
    if rate:
        parts.append(f"{size(rate)}/s")
        if total:
            left = int((total - done) / rate + 0.5)
            parts.append(f"{left // 60}:{left % 60:02} left")
    return "  ".join(parts)
