"""What a board may answer, and how much of it."""

import asyncio
from base64 import b64encode

import pytest

from boruta_farm.model.errors import TerminalError
from boruta_farm.terminals.answers import LARGEST_PICTURE, bounded, picture_of

JPEG = b"\xff\xd8\xff\xe0 a picture"
PNG = b"\x89PNG\r\n\x1a\n a picture"


async def test_what_is_too_much_is_read_and_dropped() -> None:
    source = asyncio.StreamReader()
    source.feed_data(b"x" * 1000)
    source.feed_eof()
    assert await bounded(source, 10) == b"x" * 10
    assert source.at_eof(), "who writes is not left waiting"


async def test_what_ends_before_is_whole() -> None:
    source = asyncio.StreamReader()
    source.feed_data(b"said")
    source.feed_eof()
    assert await bounded(source, 4) == b"said"


@pytest.mark.parametrize(("data", "media"), [(JPEG, "jpeg"), (PNG, "png")])
def test_a_picture_is_told_as_what_it_is(data: bytes, media: str) -> None:
    assert picture_of(data) == f"data:image/{media};base64,{b64encode(data).decode()}"


@pytest.mark.parametrize("data", [b"", b"<svg onload='alert(1)'/>", b"GIF89a", b"dut: no screen"])
def test_nothing_else_is_shown(data: bytes) -> None:
    with pytest.raises(TerminalError, match="no picture"):
        picture_of(data)


def test_a_picture_that_was_cut_is_refused() -> None:
    with pytest.raises(TerminalError, match="4 MiB or more"):
        picture_of(JPEG + b"x" * LARGEST_PICTURE)
