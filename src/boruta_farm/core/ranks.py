"""An ordered set that also counts: which key is first, and how many stand before one."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

Key = TypeVar("Key", int, tuple[int, str])

_NOTHING: Final[list[Any]] = []

BLOCK = 512
"""Keys per block: small enough that an insertion moves little, large enough to keep blocks few."""


class Ranks(Generic[Key]):
    """Keep distinct keys in order, in blocks.

    Adding and removing cost a search and one short move, whatever the number of keys; the rank
    of a key costs one step per block before it. Nothing is deleted lazily, so ranks are exact
    and memory follows the number of keys. ``lowest`` is the first key, None when there is none;
    it is asked for most, often of sets that have not been looked at for long, so it stands here.
    """

    # The keys of a block are above the bound before it and not above its own; the last block has
    # none. Bounds are kept when the key that they were goes, so most changes leave them alone.
    # The first block stands apart: nearly always it is the only one, and so it is found at once.
    __slots__ = ("_bounds", "_keys", "_more", "_size", "lowest")

    def __init__(self) -> None:
        # Most sets are empty most of the time; lists of their own come with the first key.
        self._keys: list[Key] = _NOTHING
        self._more: list[list[Key]] = _NOTHING
        self._bounds: list[Key] = _NOTHING
        self._size = 0
        self.lowest: Key | None = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Key]:
        yield from self._keys
        for block in self._more:
            yield from block

    def __contains__(self, key: Key) -> bool:
        block = self._block(bisect_left(self._bounds, key))
        index = bisect_left(block, key)
        return index < len(block) and block[index] == key

    def add(self, key: Key) -> None:
        """Add a key that is not in the set."""
        self._size += 1
        if self.lowest is None:
            self._keys = [key]
            self.lowest = key
            return
        at = bisect_left(self._bounds, key) if self._more else 0
        block = self._more[at - 1] if at else self._keys
        insort(block, key)
        if not at:
            self.lowest = block[0]
        if len(block) > 2 * BLOCK:
            self._divide(at, block)

    def remove(self, key: Key) -> None:
        """Remove a key that is in the set; raises KeyError when it is not."""
        at = index = 0
        block = self._keys
        # What leaves is the first more often than not: it is where it stands without a search.
        if key != self.lowest:
            at = bisect_left(self._bounds, key)
            block = self._block(at)
            index = bisect_left(block, key)
            if index == len(block) or block[index] != key:
                raise KeyError(key)
        self._size -= 1
        del block[index]
        if self._more:
            self._shrunk(at, block)
        if not (at or index):
            self.lowest = self._keys[0] if self._size else None

    def _block(self, at: int) -> list[Key]:
        return self._more[at - 1] if at else self._keys

    def _divide(self, at: int, block: list[Key]) -> None:
        """Part a block that has grown too large."""
        rest = block[BLOCK:]
        del block[BLOCK:]
        if self._more:
            self._more.insert(at, rest)
            self._bounds.insert(at, block[-1])
        else:
            self._more, self._bounds = [rest], [block[-1]]

    def _shrunk(self, at: int, block: list[Key]) -> None:
        """Drop a block of several that has become empty, or join it with the one after it."""
        more, bounds = self._more, self._bounds
        if not block:
            if at:
                del more[at - 1]
            else:
                self._keys = more.pop(0)
            # Without the last block, the one before it is bound by nothing.
            del bounds[min(at, len(bounds) - 1)]
        elif len(block) < BLOCK // 8 and at < len(bounds) and len(more[at]) < BLOCK:
            block.extend(more.pop(at))
            del bounds[at]

    def at(self, index: int) -> Key | None:
        """Return the key with ``index`` keys before it, None beyond the end."""
        if index < len(self._keys):
            return self._keys[index]
        index -= len(self._keys)
        for block in self._more:
            if index < len(block):
                return block[index]
            index -= len(block)
        return None

    def rank(self, key: Key) -> int:
        """Return how many keys are lower than ``key``, which need not be in the set."""
        at = bisect_left(self._bounds, key)
        before = sum(map(len, self._more[: at - 1]), len(self._keys)) if at else 0
        return before + bisect_left(self._block(at), key)

    def after(self, key: Key, limit: int) -> list[Key]:
        """Return up to ``limit`` keys above ``key``, in order."""
        found: list[Key] = []
        at = bisect_right(self._bounds, key)
        while at <= len(self._more) and len(found) < limit:
            block = self._block(at)
            start = bisect_right(block, key)
            found.extend(block[start : start + limit - len(found)])
            at += 1
        return found
