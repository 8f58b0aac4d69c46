"""Block maps (``bmap`` 2.0): which blocks of an image hold something, and their sums."""

import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.images.errors import ImageError

MOST_BYTES: Final = 4 << 20
LARGEST_BLOCK: Final = 1 << 20
_RANGE: Final = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,15}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Name a part of an image by its bytes, ``end`` not included; ``sha256`` may be empty."""

    start: int
    end: int
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMap:
    """Say how large an image is, and which parts of it have to be written, in their order."""

    size: int
    extents: tuple[Extent, ...]


def read_bmap(text: bytes) -> BlockMap:
    """Return what a file says. Raises ImageError, also where its own sum is wrong."""
    if len(text) > MOST_BYTES:
        raise ImageError(f"the bmap is larger than {MOST_BYTES} bytes; is it one?")
    if b"\0" in text:
        # In UTF-16 the next look would see nothing.
        raise ImageError("the bmap is no UTF-8 text, as every bmap is")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ImageError("the bmap defines entities, which none needs; it is not read")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise ImageError(f"the bmap is no XML: {error}") from None
    version = root.get("version", "")
    if root.tag != "bmap" or version.split(".")[0] != "2":
        raise ImageError(
            f"this is no bmap of version 2, but {root.tag} {version or 'without a version'}; make "
            "one with bmaptool create"
        )
    if (kind := _text(root, "ChecksumType")) != "sha256":
        raise ImageError(f"the bmap has sums of the kind {kind!r}; only sha256 is known")
    _check_itself(text, _text(root, "BmapFileChecksum"))
    size, block = _number(root, "ImageSize"), _number(root, "BlockSize")
    if not 0 < block <= LARGEST_BLOCK or block % 512 or size == 0:
        raise ImageError(f"the bmap tells of {size} bytes in blocks of {block}; that cannot be")
    extents = tuple(_extent(each, block, size) for each in root.iterfind("BlockMap/Range"))
    last = 0
    for extent in extents:
        if extent.start < last:
            raise ImageError("the ranges of the bmap do not follow one another")
        last = extent.end
    return BlockMap(size=size, extents=extents)


def _check_itself(text: bytes, told: str) -> None:
    """The file's sum counts with zeros in its own place."""
    if not re.fullmatch("[0-9a-f]{64}", told):
        raise ImageError("the bmap has no sum of its own")
    blank = text.replace(told.encode(), b"0" * 64, 1)
    if hashlib.sha256(blank).hexdigest() != told:
        raise ImageError("the bmap is damaged: its own sum is another one")


def _extent(element: ET.Element, block: int, size: int) -> Extent:
    found = _RANGE.fullmatch((element.text or "").strip())
    if found is None:
        raise ImageError(f"the bmap has a range {element.text!r}, which is none")
    first = int(found[1])
    last = int(found[2] or first)
    if last < first or first * block >= size:
        raise ImageError(f"the range {found[0]} of the bmap lies outside of the image")
    return Extent(
        start=first * block,
        end=min((last + 1) * block, size),
        sha256=element.get("chksum", "").lower(),
    )


def _text(root: ET.Element, name: str) -> str:
    return (root.findtext(name) or "").strip()


def _number(root: ET.Element, name: str) -> int:
    text = _text(root, name)
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ImageError(f"the bmap does not tell {name}")
    return int(text)
