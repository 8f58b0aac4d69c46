"""Block maps: what they say is held against their own sum first."""

import pytest

from boruta_farm.dryad.images.bmap import BlockMap, Extent, read_bmap
from boruta_farm.dryad.images.errors import ImageError
from tests.dryad.images.pictures import bmap_of, noise

DATA = noise(10 * 4096 + 100)


def test_ranges_become_extents_and_the_last_is_cut_at_the_end() -> None:
    found = read_bmap(bmap_of(DATA, [(0, 1), (3, 3), (9, 10)]))
    assert found.size == len(DATA)
    assert [(e.start, e.end) for e in found.extents] == [
        (0, 8192),
        (12288, 16384),
        (36864, len(DATA)),
    ]
    assert all(len(e.sha256) == 64 for e in found.extents)


def test_an_image_of_nothing_but_holes() -> None:
    assert read_bmap(bmap_of(DATA, [])) == BlockMap(size=len(DATA), extents=())
    assert Extent(start=0, end=1).sha256 == ""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"3 </Range>", b"4 </Range>", "damaged: its own sum"),
        (b'version="2.0"', b'version="1.3"', "no bmap of version 2, but bmap 1.3"),
        (b"<bmap ", b"<html ", "no XML"),
        (b"sha256", b"md5", "sums of the kind 'md5'"),
        (b"<BmapFileChecksum>", b"<BmapFileChecksum>x", "no sum of its own"),
        (b"<bmap", b"<!DOCTYPE b [<!ENTITY a 'b'>]><bmap", "defines entities"),
    ],
)
def test_what_is_none(old: bytes, new: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        read_bmap(bmap_of(DATA, [(3, 3)]).replace(old, new, 1))


@pytest.mark.parametrize(
    ("ranges", "block", "words"),
    [
        ([(3, 3), (2, 2)], 4096, "do not follow one another"),
        ([(11, 12)], 4096, "lies outside"),
        ([(5, 4)], 4096, "lies outside"),
        ([], 100, "in blocks of 100"),
    ],
)
def test_ranges_that_cannot_be(ranges: list[tuple[int, int]], block: int, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        read_bmap(bmap_of(DATA, ranges, block))


def test_one_that_is_too_large() -> None:
    with pytest.raises(ImageError, match="larger than"):
        read_bmap(b" " * (5 << 20))


def test_entities_in_another_encoding_are_not_read() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE b [<!ENTITY a "b">]><bmap>&a;</bmap>'
    for encoding in ("utf-16", "utf-16-be"):
        with pytest.raises(ImageError, match="no UTF-8 text"):
            read_bmap(text.encode(encoding))
