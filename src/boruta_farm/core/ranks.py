"""An ordered set that also counts: which key is first, and how many stand before one."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Final, Generic, Never, TypeVar, cast

Key = TypeVar("Key", int, tuple[int, str])

_NOTHING: Final[list[Never]] = []

BLOCK = 512
"""Keys per block: small enough that an insertion moves little, large enough to keep blocks few."""


class Ranks(Generic[Key]):
    """Keep distinct keys in order, in blocks.

    Adding and removing cost a search and one short move, whatever the number of keys; the rank
    of a key costs one step per block before it. Nothing is deleted lazily, so ranks are exact
    and memory follows the number of keys.
    """

    __slots__ = ("_blocks", "_lasts", "_size")

    def __init__(self) -> None:
        # Most sets are empty most of the time; lists of their own come with the first key.
        self._blocks: list[list[Key]] = cast("list[list[Key]]", _NOTHING)
        self._lasts: list[Key] = cast("list[Key]", _NOTHING)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Key]:
        for block in self._blocks:
            yield from block

    def __contains__(self, key: Key) -> bool:
        at = bisect_left(self._lasts, key)
        if at == len(self._lasts):
            return False
        block = self._blocks[at]
        return block[bisect_left(block, key)] == key

    def add(self, key: Key) -> None:
        """Add a key that is not in the set."""
        self._size += 1
        blocks, lasts = self._blocks, self._lasts
        if not blocks:
            self._blocks, self._lasts = [[key]], [key]
            return
        at = bisect_left(lasts, key)
        if at == len(lasts):
            at -= 1
            block = blocks[at]
            block.append(key)
            lasts[at] = key
        else:
            block = blocks[at]
            insort(block, key)
        if len(block) > 2 * BLOCK:
            rest = block[BLOCK:]
            del block[BLOCK:]
            blocks.insert(at + 1, rest)
            lasts[at] = block[-1]
            lasts.insert(at + 1, rest[-1])

    def remove(self, key: Key) -> None:
        """Remove a key that is in the set; raises KeyError when it is not."""
        blocks, lasts = self._blocks, self._lasts
        at = bisect_left(lasts, key)
        if at == len(lasts):
            raise KeyError(key)
        block = blocks[at]
        index = bisect_left(block, key)
        if block[index] != key:
            raise KeyError(key)
        self._size -= 1
        del block[index]
        if not block:
            del blocks[at], lasts[at]
            return
        lasts[at] = block[-1]
        if len(block) < BLOCK // 8 and at + 1 < len(blocks) and len(blocks[at + 1]) < BLOCK:
            block.extend(blocks[at + 1])
            lasts[at] = lasts[at + 1]
            del blocks[at + 1], lasts[at + 1]

    def first(self) -> Key | None:
        """Return the lowest key."""
        return self._blocks[0][0] if self._blocks else None

    def at(self, index: int) -> Key | None:
        """Return the key with ``index`` keys before it, None beyond the end."""
        for block in self._blocks:
            if index < len(block):
                return block[index]
            index -= len(block)
        return None

    def rank(self, key: Key) -> int:
        """Return how many keys are lower than ``key``, which need not be in the set."""
        at = bisect_left(self._lasts, key)
        before = sum(map(len, self._blocks[:at]))
        return before + (bisect_left(self._blocks[at], key) if at < len(self._blocks) else 0)

    def after(self, key: Key, limit: int) -> list[Key]:
        """Return up to ``limit`` keys above ``key``, in order."""
        found: list[Key] = []
        at = bisect_right(self._lasts, key)
        while at < len(self._blocks) and len(found) < limit:
            block = self._blocks[at]
            start = bisect_right(block, key)
            found.extend(block[start : start + limit - len(found)])
            at += 1
        return found
