"""Where a medium's partitions lie, by its own table: MBR with logical ones, or GPT.

The table is read from the medium and not from the kernel, which knows of a table that has just been
written only when somebody with root's rights has told it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.images.errors import ImageError, size
from boruta_farm.dryad.images.medium import ALIGNED, Medium, Window, new_buffer

SECTOR: Final = 512
SIGNATURE: Final = b"\x55\xaa"
FIRST_ENTRY: Final = 446
ENTRY: Final = struct.Struct("<4xB3xII")
EXTENDED: Final = frozenset({0x05, 0x0F, 0x85})
PROTECTIVE: Final = 0xEE
FIRST_LOGICAL: Final = 5
MOST: Final = 128
"""Partitions that are looked at: a table that leads on and on is not followed for ever."""

GPT_SIGNATURE: Final = b"EFI PART"
GPT_SECTORS: Final = (512, 4096)
GPT_HEADER: Final = struct.Struct("<8s64xQII")
GPT_ENTRY: Final = struct.Struct("<16s16xQQ")
LARGEST_ENTRY: Final = 4096


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of an MBR, in sectors."""

    kind: int
    start: int
    count: int


def find_partition(medium: Medium, number: int) -> Window:
    """Return where the partition of a number lies. Raises ImageError in words."""
    if not medium.seekable or medium.capacity is None:
        raise ImageError("this tool takes whole images only, no partition")
    first = _read(medium, 0, SECTOR)
    if first[-2:] != SIGNATURE:
        raise ImageError(
            "the medium has no partition table; write a whole image to it first, or partition it"
        )
    entries = _entries(first)
    if any(entry.kind == PROTECTIVE for entry in entries):
        found = dict(_of_gpt(medium))
    else:
        found = dict(_of_mbr(medium, entries))
    if number not in found:
        known = ", ".join(map(str, sorted(found))) or "none"
        raise ImageError(f"the medium has no partition {number}, only {known}")
    window = found[number]
    if window.start + window.length > medium.capacity:
        raise ImageError(
            f"partition {number} ends at {size(window.start + window.length)}, behind the medium's "
            f"end at {size(medium.capacity)}: its table is of a larger one"
        )
    return window


def _of_mbr(medium: Medium, entries: list[_Entry]) -> Iterator[tuple[int, Window]]:
    for number, entry in enumerate(entries, 1):
        if entry.kind in EXTENDED:
            yield from _logical(medium, entry.start)
        elif entry.kind and entry.count:
            yield number, _window(entry.start, entry.count)


def _logical(medium: Medium, base: int) -> Iterator[tuple[int, Window]]:
    """Follow the chain of tables in an extended partition."""
    place = base
    for number in range(FIRST_LOGICAL, MOST + 1):
        table = _read(medium, place * SECTOR, SECTOR)
        if table[-2:] != SIGNATURE:
            return
        own, following, *_ = _entries(table)
        if own.kind and own.count:
            yield number, _window(place + own.start, own.count)
        if following.kind not in EXTENDED:
            return
        place = base + following.start


def _of_gpt(medium: Medium) -> Iterator[tuple[int, Window]]:
    for sector in GPT_SECTORS:
        header = _read(medium, sector, SECTOR)
        signature, place, count, length = GPT_HEADER.unpack_from(header)
        if signature == GPT_SIGNATURE:
            break
    else:
        raise ImageError("the medium's partition table (GPT) is damaged; partition it anew")
    if not GPT_ENTRY.size <= length <= LARGEST_ENTRY:
        raise ImageError(f"the medium's partition table (GPT) has entries of {length} bytes")
    for index in range(min(count, MOST)):
        entry = _read(medium, place * sector + index * length, GPT_ENTRY.size)
        kind, first, last = GPT_ENTRY.unpack(entry)
        if any(kind) and last >= first:
            yield index + 1, Window(start=first * sector, length=(last - first + 1) * sector)


def _entries(table: bytes) -> list[_Entry]:
    offsets = range(FIRST_ENTRY, FIRST_ENTRY + 4 * ENTRY.size, ENTRY.size)
    return [_Entry(*ENTRY.unpack_from(table, offset)) for offset in offsets]


def _window(start: int, count: int) -> Window:
    return Window(start=start * SECTOR, length=count * SECTOR)


def _read(medium: Medium, offset: int, length: int) -> bytes:
    """Read some bytes past the page cache, which may remember an older medium."""
    found = b""
    # A table may lead further than the system can be asked for.
    if offset < (medium.capacity or 0):
        begin = offset - offset % ALIGNED
        buffer = new_buffer()[: 2 * ALIGNED]
        found = bytes(buffer[: medium.read(buffer, begin)])[offset - begin :][:length]
    if len(found) < length:
        raise ImageError(f"the partition table leads behind the medium's end ({size(offset)})")
    return found
