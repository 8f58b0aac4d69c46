"""Frames say where they end; what is none is refused before anything is read for it."""

import pytest

from boruta_farm.dryad.dut.frames import (
    DATA,
    LONGEST,
    DutFrameError,
    pack,
    unpack_head,
    unpack_words,
)


def test_a_frame_is_letter_length_and_bytes() -> None:
    assert pack(DATA, b"abc") == b"D\0\0\0\x03abc"
    assert unpack_head(b"D\0\0\0\x03") == (DATA, 3)
    assert unpack_head(b"D" + LONGEST.to_bytes(4, "big")) == (DATA, LONGEST)


@pytest.mark.parametrize("head", [b"X\0\0\0\x01", b"D" + (LONGEST + 1).to_bytes(4, "big"), b""])
def test_other_heads_are_refused(head: bytes) -> None:
    with pytest.raises(DutFrameError, match="no frame begins with"):
        unpack_head(head)


@pytest.mark.parametrize("data", [b"", b"1", b"{", b"\xff", b"[" * 60000])
def test_other_words_are_refused(data: bytes) -> None:
    with pytest.raises(DutFrameError, match="a frame is no JSON"):
        unpack_words(data)
