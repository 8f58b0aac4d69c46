"""What a board answers to a single act: no more of it than the server has room for."""

from base64 import b64encode
from typing import Final, Protocol

from boruta_farm.model.errors import TerminalError

LONGEST_ANSWER: Final = 1024 * 1024
"""Bytes of words that are kept; the rest is read and dropped."""
LARGEST_PICTURE: Final = 4 * 1024 * 1024
PIECE: Final = 64 * 1024

MEDIA: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
"""Pictures by how they begin. Others, such as SVG, can do more than show something."""


class Saying(Protocol):
    """What bytes are read from."""

    async def read(self, n: int) -> bytes:
        """Return at most so many bytes, none at the end."""
        ...


async def bounded(source: Saying, most: int) -> bytes:
    """Read a source to its end and return the first bytes.

    The board's user decides what is said, and how much: all of it may not become the server's.
    """
    kept = bytearray()
    while data := await source.read(PIECE):
        kept += data[: most - len(kept)]
    return bytes(kept)


def picture_of(data: bytes) -> str:
    """Return a picture as a data URL. Raises TerminalError for what is none, or too large."""
    if len(data) >= LARGEST_PICTURE:
        raise TerminalError(
            f"the picture has {LARGEST_PICTURE >> 20} MiB or more; take it by dut screen snap FILE"
        )
    for begin, media in MEDIA.items():
        if data.startswith(begin):
            return f"data:{media};base64,{b64encode(data).decode()}"
    raise TerminalError("what the board sent is no picture, neither JPEG nor PNG")
