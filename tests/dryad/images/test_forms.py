"""Every form is told by its content, and a damaged archive is told as one."""

import io
import lzma

import pytest

from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.forms import Form, Unpacked, tell_form
from boruta_farm.dryad.images.source import Source, fill
from tests.dryad.images.pictures import noise, packed

DATA = noise(300_000)
PACKED = [form for form in Form if form is not Form.RAW]


def unpacked(data: bytes) -> tuple[bytes, Form]:
    """Return what is in an image, and its form."""
    image = Unpacked(Source(io.BytesIO(data).readinto, length=len(data)))
    view = memoryview(bytearray(2 * len(DATA)))
    return bytes(view[: fill(image, view)]), image.form


@pytest.mark.parametrize("form", Form)
def test_the_content_tells_the_form(form: Form) -> None:
    assert unpacked(packed(DATA, form)) == (DATA, form)


@pytest.mark.parametrize("form", PACKED)
def test_archives_made_in_parts_are_read_to_their_end(form: Form) -> None:
    parts = packed(DATA[:1000], form) + packed(DATA[1000:], form)
    assert unpacked(parts)[0] == DATA


@pytest.mark.parametrize("form", PACKED)
def test_an_archive_that_is_cut_off(form: Form) -> None:
    with pytest.raises(ImageError, match=f"the {form} archive (ends in its middle|is damaged, or)"):
        unpacked(packed(DATA, form)[:-2000])


@pytest.mark.parametrize("form", PACKED)
def test_a_damaged_archive(form: Form) -> None:
    data = bytearray(packed(DATA, form))
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    with pytest.raises(ImageError, match=f"the {form} archive (is damaged|ends)"):
        unpacked(bytes(data))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "the image is empty"),
        (b"PK\x03\x04....", "a zip archive; unpack it first"),
        (b"QFI\xfb\0\0\0\3", "qemu-img convert -O raw"),
        (b"\x3a\xff\x26\xed\1\0", "an Android sparse image; convert it first: simg2img"),
    ],
)
def test_what_is_no_image(head: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        tell_form(head)


def test_a_supervisor_without_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(DATA, Form.ZSTD)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ImageError, match=r"lacks the program zstd; install it \(Debian: zstd\)"):
        unpacked(data)


def test_an_xz_archive_that_wants_all_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> int:
        raise MemoryError

    image = Unpacked(Source(io.BytesIO(packed(DATA, Form.XZ)).readinto))
    monkeypatch.setattr(lzma.LZMAFile, "readinto", no_memory)
    with pytest.raises(ImageError, match="needs more memory than images get"):
        image.readinto(bytearray(10))
