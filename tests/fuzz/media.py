"""Targets: what images and media hold: block maps, packed forms, tables of partitions."""

import contextlib
import hashlib
import io
import os
import re
import struct

from boruta_farm.dryad.images import bmap, forms, partitions, source
from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.forms import Form, Unpacked, tell_form
from boruta_farm.dryad.images.medium import Medium
from boruta_farm.dryad.images.source import Source
from tests.dryad.images.pictures import bmap_of, noise, packed
from tests.fuzz.target import Target, promise

DATA = noise(40_000)
CARD = 1 << 20
MOST_UNPACKED = 1 << 20
_SUM = re.compile(rb"(?<=<BmapFileChecksum> )[0-9a-f]{64}")


def _bmap(data: bytes) -> bool:
    """Read a map whose own sum is right, whatever else was changed in it."""
    blank = _SUM.sub(b"0" * 64, data, count=1)
    data = _SUM.sub(hashlib.sha256(blank).hexdigest().encode(), data, count=1)
    try:
        found = bmap.read_bmap(data)
    except ImageError:
        return False
    last = 0
    for extent in found.extents:
        promise(last <= extent.start < extent.end <= found.size, "a map leads out of its image")
        last = extent.end
    return True


def _image(data: bytes) -> bool:
    try:
        if tell_form(data[: source.HEAD]) is Form.ZSTD:
            return False  # It is unpacked by a program of others.
        image = Unpacked(Source(io.BytesIO(data).readinto, length=len(data)))
        buffer, done = memoryview(bytearray(1 << 16)), 0
        while done < MOST_UNPACKED and (count := image.readinto(buffer)):
            done += count
    except ImageError:
        return False
    return True


def _partitions(data: bytes) -> bool:
    """Look for partitions on a card that begins with these bytes."""
    descriptor = os.memfd_create("card")
    try:
        os.write(descriptor, data[:CARD])
        os.ftruncate(descriptor, CARD)
        found = []
        for number in (1, 5, 128):
            with contextlib.suppress(ImageError):
                found.append(partitions.find_partition(Medium(descriptor), number))
    finally:
        os.close(descriptor)
    for window in found:
        promise(window.start >= 0 and window.length > 0, "a partition is nowhere")
        promise(window.start + window.length <= CARD, "a partition leads off its card")
    return bool(found)


def _table(*entries: tuple[int, int, int]) -> bytes:
    packed = b"".join(struct.pack("<4xB3xII", *entry) for entry in entries)
    return bytes(446) + packed.ljust(64, b"\0") + b"\x55\xaa"


GPT = (
    _table((0xEE, 1, 100))
    + struct.pack("<8s64xQII", b"EFI PART", 2, 2, 128).ljust(512, b"\0")
    + b"".join(
        struct.pack("<16s16xQQ", b"k" * 16, first, last).ljust(128, b"\0")
        for first, last in ((34, 99), (100, 199))
    )
)

TARGETS = (
    Target(
        name="bmap",
        look=_bmap,
        examples=(bmap_of(DATA, [(0, 1), (3, 5)]), bmap_of(DATA, [])),
        odd=(b"", b"<bmap/>", b"<a>" * 5000, b'<?xml version="1.0" encoding="x"?><a/>', b"\0"),
        modules=(bmap,),
    ),
    Target(
        name="image",
        look=_image,
        examples=(
            *(packed(DATA[:3000], form) for form in Form if form is not Form.ZSTD),
            packed(bytes(200_000), Form.GZIP),
        ),
        odd=(b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xfd7zXZ\x00", b"BZh"),
        modules=(forms, source),
    ),
    Target(
        name="partitions",
        look=_partitions,
        examples=(_table((0x83, 8, 100)), _table((0x05, 1, 100)) + _table((0x83, 1, 1)), GPT),
        odd=(b"", _table((0x05, 1 << 30, 5)), _table((0xEE, 1, 100)), b"\xff" * 2048),
        modules=(partitions,),
    ),
)
