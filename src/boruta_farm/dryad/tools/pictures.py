"""Pictures as they come from screens: of what type they are, and how large they may be."""

from typing import Final

from boruta_farm.model.errors import BoardError

LARGEST: Final = 16 << 20
"""Bytes of one picture."""

_BEGINNINGS: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def media_type(data: bytes) -> str:
    """Return the type of a picture by its first bytes. Raises BoardError for anything else."""
    for beginning, found in _BEGINNINGS.items():
        if data.startswith(beginning):
            return found
    raise BoardError(f"what came is no picture ({len(data)} bytes, neither JPEG nor PNG)")
