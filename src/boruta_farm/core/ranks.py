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
    and memory follows the number of keys. ``lowest`` is the first key, None when there is none;
    it is asked for most, often of sets that have not been looked at for long, so it stands here.
    """

    # The keys of a block are above the bound before it and not above its own; the last block has
    # none. Bounds are kept when the key that they were goes, so most changes leave them alone.
    __slots__ = ("_blocks", "_bounds", "_size", "lowest")

    def __init__(self) -> None:
        # Most sets are empty most of the time; lists of their own come with the first key.
        self._blocks: list[list[Key]] = cast("list[list[Key]]", _NOTHING)
        self._bounds: list[Key] = cast("list[Key]", _NOTHING)
        self._size = 0
        self.lowest: Key | None = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Key]:
        for block in self._blocks:
            yield from block

    def __contains__(self, key: Key) -> bool:
        if not self._blocks:
            return False
        block = self._blocks[bisect_left(self._bounds, key)]
        index = bisect_left(block, key)
        return index < len(block) and block[index] == key

    def add(self, key: Key) -> None:
        """Add a key that is not in the set."""
        self._size += 1
        blocks = self._blocks
        if not blocks:
            self._blocks = [[key]]
            self.lowest = key
            return
        at = bisect_left(self._bounds, key)
        block = blocks[at]
        insort(block, key)
        if not at:
            self.lowest = block[0]
        if len(block) > 2 * BLOCK:
            rest = block[BLOCK:]
            del block[BLOCK:]
            blocks.insert(at + 1, rest)
            if self._bounds:
                self._bounds.insert(at, block[-1])
            else:
                self._bounds = [block[-1]]

    def remove(self, key: Key) -> None:
        """Remove a key that is in the set; raises KeyError when it is not."""
        blocks, bounds = self._blocks, self._bounds
        at = bisect_left(bounds, key)
        block = blocks[at] if blocks else []
        index = bisect_left(block, key)
        if index == len(block) or block[index] != key:
            raise KeyError(key)
        self._size -= 1
        del block[index]
        if not block:
            del blocks[at]
            if bounds:
                # Without the last block, the one before it is bound by nothing.
                del bounds[min(at, len(bounds) - 1)]
        elif len(block) < BLOCK // 8 and at < len(bounds) and len(blocks[at + 1]) < BLOCK:
            block.extend(blocks[at + 1])
            del blocks[at + 1], bounds[at]
        if key == self.lowest:
            self.lowest = blocks[0][0] if blocks else None

    def at(self, index: int) -> Key | None:
        """Return the key with ``index`` keys before it, None beyond the end."""
        for block in self._blocks:
            if index < len(block):
                return block[index]
            index -= len(block)
        return None

    def rank(self, key: Key) -> int:
        """Return how many keys are lower than ``key``, which need not be in the set."""
        at = bisect_left(self._bounds, key)
        before = sum(map(len, self._blocks[:at]))
        return before + (bisect_left(self._blocks[at], key) if at < len(self._blocks) else 0)

    def after(self, key: Key, limit: int) -> list[Key]:
        """Return up to ``limit`` keys above ``key``, in order."""
        found: list[Key] = []
        at = bisect_right(self._bounds, key)
        while at < len(self._blocks) and len(found) < limit:
            block = self._blocks[at]
            start = bisect_right(block, key)
            found.extend(block[start : start + limit - len(found)])
            at += 1
        return found
