"""Images for tests: some bytes, packed in every form, and block maps of them."""

import bz2
import gzip
import hashlib
import lzma
import random
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from boruta_farm.dryad.images.forms import Form

MIB = 1 << 20


def noise(count: int, seed: int = 1) -> bytes:
    """Return bytes that look like none other, the same each time."""
    return random.Random(seed).randbytes(count)


def packed(data: bytes, form: Form) -> bytes:
    """Return an image packed; zstd is skipped where the program is not installed."""
    match form:
        case Form.GZIP:
            return gzip.compress(data, 1, mtime=0)
        case Form.XZ:
            return lzma.compress(data, preset=0)
        case Form.BZIP2:
            return bz2.compress(data, 1)
        case Form.ZSTD:
            if shutil.which("zstd") is None:
                pytest.skip("zstd is not installed")
            return subprocess.run(("zstd", "-1cq"), input=data, capture_output=True).stdout
        case Form.RAW:
            return data


def bmap_of(data: bytes, ranges: Iterable[tuple[int, int]], block: int = 4096) -> bytes:
    """Return the block map of an image; ``ranges`` are first and last blocks."""
    lines = []
    for first, last in ranges:
        part = data[first * block : (last + 1) * block]
        place = str(first) if first == last else f"{first}-{last}"
        lines.append(f'<Range chksum="{hashlib.sha256(part).hexdigest()}"> {place} </Range>')
    text = f"""<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> {len(data)} </ImageSize>
    <BlockSize> {block} </BlockSize>
    <BlocksCount> {-(-len(data) // block)} </BlocksCount>
    <MappedBlocksCount> {len(lines)} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> {"0" * 64} </BmapFileChecksum>
    <BlockMap>{"".join(lines)}</BlockMap>
</bmap>
"""
    return text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


def card(folder: Path, count: int = 3 * MIB) -> Path:
    """Return a file that stands for a card with something on it."""
    path = folder / "card"
    path.write_bytes(b"\xee" * count)
    return path
