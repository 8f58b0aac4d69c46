"""An image written to a medium and read back, by two threads with few blocks between them.

Unpacking, summing, reading and writing all let other threads run, so the medium is kept busy. What
was written is remembered as a CRC-32 of each block: that no block comes back changed by chance is
as sure as one in four thousand million, and small supervisors have better to do than SHA-256.
"""

import hashlib
import queue
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from boruta_farm.dryad.images.bmap import BlockMap, Extent
from boruta_farm.dryad.images.errors import ImageError, size
from boruta_farm.dryad.images.forms import Form, Unpacked
from boruta_farm.dryad.images.medium import BLOCK, Medium, new_buffer
from boruta_farm.dryad.images.source import fill

BUFFERS: Final = 4
"""Blocks on their way between the threads."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Block:
    """Hold a part of an image on its way; ``buffer`` is what ``data`` lies in."""

    offset: int
    data: memoryview
    buffer: memoryview
    check: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """Remember what was written where, to compare it later."""

    offset: int
    length: int
    check: int


class Ahead(Generic[Item]):
    """Let a thread run a few items ahead; what it raises is raised where the items are taken."""

    def __init__(self, items: Iterable[Item], most: int = 2) -> None:
        self._waiting: queue.Queue[Item | BaseException | None] = queue.Queue(most)
        threading.Thread(target=self._work, args=(items,), daemon=True).start()

    def __iter__(self) -> Iterator[Item]:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _work(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                self._waiting.put(item)
        except BaseException as error:  # noqa: BLE001  # it is raised in the other thread
            self._waiting.put(error)
        else:
            self._waiting.put(None)


class Buffers:
    """Lend blocks of memory, the one used last first; who asks for one too many waits."""

    def __init__(self) -> None:
        self._free: queue.LifoQueue[memoryview] = queue.LifoQueue()
        for _ in range(BUFFERS):
            self._free.put(new_buffer())

    def take(self) -> memoryview:
        """Return a block of memory."""
        return self._free.get()

    def give_back(self, buffer: memoryview) -> None:
        """Let it be used again."""
        self._free.put(buffer)


@dataclass(slots=True, kw_only=True)
class Copy:
    """Write an image. ``told`` is called as often as something was done.

    ``checked`` says whether it is to be read back, ``sparing`` whether blocks are left
    alone that the medium has already. ``touched`` tells whether anything was written, ``content``
    is the sha256 of what was, where it was written from beginning to end.
    """

    image: Unpacked
    medium: Medium
    bmap: BlockMap | None
    checked: bool
    sparing: bool
    told: Callable[[int], None]
    touched: bool = False
    written: int = 0
    content: str = ""

    def carry_out(self) -> list[Written]:
        """Write all; return what was written where. Raises ImageError."""
        buffers = Buffers()
        blocks: Iterable[Block] = self._read(buffers)
        if self.checked:
            blocks = map(_summed, blocks)
        if self.checked or self.image.form is not Form.RAW:
            blocks = Ahead(blocks)
        known = []
        spare = new_buffer()
        content = None if self.medium.seekable else hashlib.sha256()
        for block in blocks:
            length = len(block.data)
            if not (self.sparing and self._has(block, spare)):
                self.touched = True
                self.medium.write(block.data, block.offset)
            if content is not None:
                content.update(block.data)
            known.append(Written(block.offset, length, block.check))
            buffers.give_back(block.buffer)
            self.written += length
            self.told(self.written)
        self.content = "" if content is None else content.hexdigest()
        return known

    def _has(self, block: Block, spare: memoryview) -> bool:
        view = spare[: len(block.data)]
        # As bytes they are compared a hundred times faster.
        count = self.medium.read(view, block.offset)
        return count == len(view) and bytes(view) == bytes(block.data)

    def _read(self, buffers: Buffers) -> Iterator[Block]:
        if self.bmap is None:
            yield from self._read_all(buffers)
            return
        place = 0
        for extent in self.bmap.extents:
            self._skip(extent.start - place, buffers)
            yield from self._read_extent(extent, buffers)
            place = extent.end
        self._skip(self.bmap.size - place, buffers)
        buffer = buffers.take()
        if fill(self.image, buffer[:1]):
            raise _other_image(self.bmap)
        buffers.give_back(buffer)

    def _read_all(self, buffers: Buffers) -> Iterator[Block]:
        offset = 0
        while True:
            buffer = buffers.take()
            count = fill(self.image, buffer)
            if not count:
                break
            yield Block(offset, buffer[:count], buffer)
            offset += count

    def _read_extent(self, extent: Extent, buffers: Buffers) -> Iterator[Block]:
        assert self.bmap is not None
        total = hashlib.sha256()
        offset = extent.start
        while offset < extent.end:
            buffer = buffers.take()
            data = buffer[: min(BLOCK, extent.end - offset)]
            if fill(self.image, data) < len(data):
                raise _other_image(self.bmap)
            total.update(data)
            yield Block(offset, data, buffer)
            offset += len(data)
        if extent.sha256 and total.hexdigest() != extent.sha256:
            raise ImageError(
                f"the image is not what the bmap says at {size(extent.start)}: a wrong sum; get "
                "both anew"
            )

    def _skip(self, count: int, buffers: Buffers) -> None:
        buffer = buffers.take()
        while count:
            done = fill(self.image, buffer[: min(BLOCK, count)])
            if not done:
                assert self.bmap is not None
                raise _other_image(self.bmap)
            count -= done
        buffers.give_back(buffer)


def read_back(medium: Medium, known: Iterable[Written], told: Callable[[int], None]) -> None:
    """Compare the medium with what was written. Raises ImageError where it differs."""
    buffers = Buffers()

    def read() -> Iterator[tuple[Written, memoryview, memoryview]]:
        for each in known:
            buffer = buffers.take()
            count = medium.read(buffer[: each.length], each.offset)
            yield each, buffer[:count], buffer

    done = 0
    for each, data, buffer in Ahead(read()):
        if len(data) != each.length or zlib.crc32(data) != each.check:
            raise ImageError(
                f"the medium does not hold what was written at {size(each.offset)}: it is worn "
                "out, or smaller than it says; try another one"
            )
        buffers.give_back(buffer)
        done += each.length
        told(done)


def _summed(block: Block) -> Block:
    return Block(block.offset, block.data, block.buffer, zlib.crc32(block.data))


def _other_image(bmap: BlockMap) -> ImageError:
    return ImageError(f"the bmap belongs to an image of {size(bmap.size)}, which this one has not")
