"""Images on a medium: all of it, only what a bmap names, only what differs; and what is told."""

import errno
import io
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.images import copying
from boruta_farm.dryad.images.bmap import read_bmap
from boruta_farm.dryad.images.copying import Copy, Written, read_back
from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.forms import Form, Unpacked
from boruta_farm.dryad.images.medium import Medium
from boruta_farm.dryad.images.source import Source
from tests.dryad.images.pictures import MIB, bmap_of, card, noise, packed

DATA = noise(MIB + MIB // 4 + 1234)
Opened = Callable[[Path], Medium]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Return a way to open media, which are closed afterwards."""
    descriptors = []

    def open_it(path: Path) -> Medium:
        descriptors.append(os.open(path, os.O_RDWR))
        return Medium(descriptors[-1])

    yield open_it
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small images be of many blocks."""
    monkeypatch.setattr(copying, "BLOCK", MIB // 8)
    monkeypatch.setattr(copying, "new_buffer", lambda: memoryview(mmap.mmap(-1, MIB // 8)))


def copy(medium: Medium, data: bytes = DATA, bmap: bytes = b"", *, sparing: bool = False) -> Copy:
    """Return what copies an image."""
    return Copy(
        image=Unpacked(Source(io.BytesIO(data).readinto, length=len(data))),
        medium=medium,
        bmap=read_bmap(bmap) if bmap else None,
        checked=True,
        sparing=sparing,
        told=lambda _: None,
    )


def nothing(_: int) -> None:
    return


@pytest.mark.parametrize("form", Form)
def test_an_image_lies_on_the_medium_and_is_read_back(
    form: Form, tmp_path: Path, opened: Opened
) -> None:
    path = card(tmp_path)
    medium = opened(path)
    known = copy(medium, packed(DATA, form)).carry_out()
    medium.sync()
    read_back(medium, known, nothing)
    assert path.read_bytes() == DATA + b"\xee" * (3 * MIB - len(DATA))
    assert sum(each.length for each in known) == len(DATA)


def test_a_medium_that_holds_something_else_is_found_out(tmp_path: Path, opened: Opened) -> None:
    path = card(tmp_path)
    medium = opened(path)
    known = copy(medium).carry_out()
    medium.sync()
    with path.open("r+b") as file:
        file.seek(MIB)
        file.write(b"?")
    with pytest.raises(ImageError, match=r"does not hold what was written at 1\.0 MB: it is worn"):
        read_back(medium, known, nothing)


def test_only_what_a_bmap_names_is_written(tmp_path: Path, opened: Opened) -> None:
    path = card(tmp_path)
    last = len(DATA) // 4096
    ranges = [(0, 0), (10, 99), (last, last)]
    medium = opened(path)
    known = copy(medium, packed(DATA, Form.GZIP), bmap_of(DATA, ranges)).carry_out()
    medium.sync()
    read_back(medium, known, nothing)
    expected = bytearray(b"\xee" * 3 * MIB)
    for first, end in ranges:
        part = DATA[first * 4096 : (end + 1) * 4096]
        expected[first * 4096 : first * 4096 + len(part)] = part
    assert path.read_bytes() == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (DATA[:50_000] + b"?" + DATA[50_001:], r"not what the bmap says at 41\.0 kB: a wrong sum"),
        (DATA[:-1], "the bmap belongs to an image of"),
        (DATA + b"?", "the bmap belongs to an image of"),
        (DATA[:4096], "the bmap belongs to an image of"),
    ],
)
def test_a_bmap_of_another_image(data: bytes, words: str, tmp_path: Path, opened: Opened) -> None:
    copying_it = copy(opened(card(tmp_path)), data, bmap_of(DATA, [(10, 99)]))
    with pytest.raises(ImageError, match=words):
        copying_it.carry_out()


def test_what_is_there_already_is_not_written_again(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = card(tmp_path)
    copy(opened(path)).carry_out()
    with path.open("r+b") as file:
        file.seek(MIB + 5)
        file.write(b"?")
    medium = opened(path)
    places = []
    write = medium.write

    def note(view: memoryview, offset: int) -> None:
        places.append(offset)
        write(view, offset)

    monkeypatch.setattr(medium, "write", note)
    again = copy(medium, sparing=True)
    again.carry_out()
    assert places == [MIB]
    assert again.touched
    assert path.read_bytes()[: len(DATA)] == DATA
    unchanged = copy(medium, sparing=True)
    unchanged.carry_out()
    assert not unchanged.touched


def test_an_image_that_turns_out_larger_than_the_medium(tmp_path: Path, opened: Opened) -> None:
    path = card(tmp_path, MIB)
    larger = copy(opened(path), packed(DATA, Form.XZ))
    with pytest.raises(ImageError, match=r"larger than the medium, which has 1\.0 MB \(1048576"):
        larger.carry_out()
    assert larger.touched
    assert path.stat().st_size == MIB, "a file that stands for a card does not grow"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EIO, "was it pulled, or is it broken"),
        (errno.ENOMEDIUM, "was it pulled"),
        (errno.ENOSPC, "the disk below it is full"),
        (errno.EROFS, "is it write-protected"),
        (errno.EINVAL, "see the supervisor's kernel log"),
    ],
)
def test_a_medium_that_fails_while_it_is_written(
    number: int, words: str, tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite

    def fail(descriptor: int, data: memoryview, offset: int) -> int:
        if offset >= MIB:
            raise OSError(number, os.strerror(number))
        return pwrite(descriptor, data, offset)

    medium = opened(card(tmp_path))
    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(ImageError, match=rf"cannot be written at 1\.0 MB: .*; {words}"):
        copy(medium).carry_out()


def test_a_medium_that_cannot_be_read_back(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    medium = opened(card(tmp_path))
    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(ImageError, match="cannot be read at 0 bytes: Input/output error; was it"):
        read_back(medium, [Written(0, 4096, 0)], nothing)


def test_a_reader_without_a_card(tmp_path: Path, opened: Opened) -> None:
    with pytest.raises(ImageError, match="there is no medium in the reader"):
        opened(card(tmp_path, 0))
