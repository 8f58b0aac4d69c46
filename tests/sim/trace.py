"""What happened, in order: one hash that two runs of a seed must share."""

import asyncio
import hashlib
from collections import deque

KEPT = 4000
"""Lines kept to be shown; all of them are hashed."""


class Trace:
    """Hash every line with its virtual time, and keep the last ones."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=8)
        self.lines: deque[str] = deque(maxlen=KEPT)
        self.count = 0

    def note(self, *words: object) -> None:
        """Enter a line."""
        line = f"{asyncio.get_running_loop().time():.6f} {' '.join(map(str, words))}"
        self._hash.update(line.encode())
        self._hash.update(b"\n")
        self.lines.append(line)
        self.count += 1

    @property
    def digest(self) -> str:
        """Return the hash of all lines so far."""
        return self._hash.hexdigest()
