"""The bytes of a console as they came: in pieces with their times, as a log is kept."""

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

LARGEST_CHUNK: Final = 33 * 1024
"""Bytes of packed pieces in one chunk."""

LONGEST_CHUNK: Final = 48 * 1024
"""Characters of a chunk as it is told and stored."""

MOST_CHUNKS: Final = 2048
"""Of one console in one job: what 8 MiB can need, and some."""

CONSOLE: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")
"""What a console can be called, as every tool."""

_HEAD: Final = struct.Struct(">QBI")
PIECE_HEAD: Final = _HEAD.size


class ConsoleEvent(IntEnum):
    """What a piece tells of: bytes, or what became of the port."""

    BYTES = 0
    VANISHED = 1
    BACK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolePiece:
    """Bytes that came at one time, or an event; ``at`` is in microseconds of the wall clock."""

    at: int
    event: ConsoleEvent
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleChunk:
    """Carry a part of a job's log: ``content`` is made by ``pack_chunk``.

    ``sequence`` counts from 0 for each console, of ``count`` in all; ``dropped`` are the bytes
    before the first of them that are not kept.
    """

    console: str
    sequence: int
    count: int
    dropped: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLog:
    """Tell which log of a console the farm has; ``complete`` once all ``count`` chunks came."""

    request_id: int
    epoch: int
    console: str
    count: int
    dropped: int
    complete: bool


def pack_chunk(pieces: Iterable[ConsolePiece]) -> str:
    """Return pieces compressed, as a text."""
    return base64.b64encode(zlib.compress(pack_pieces(pieces))).decode()


def unpack_chunk(content: str) -> Iterator[ConsolePiece]:
    """Yield the pieces of a chunk, however much it claims to hold. Raises ValueError."""
    try:
        packed = zlib.decompressobj().decompress(
            base64.b64decode(content, validate=True), LARGEST_CHUNK
        )
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"this is no part of a console's log: {error}") from None
    return unpack_pieces(packed)


def pack_pieces(pieces: Iterable[ConsolePiece]) -> bytes:
    """Return pieces as one text of bytes."""
    return b"".join(_HEAD.pack(p.at, p.event, len(p.data)) + p.data for p in pieces)


def unpack_pieces(packed: bytes) -> Iterator[ConsolePiece]:
    """Yield the pieces again. Raises ValueError for anything else."""
    place = 0
    while place < len(packed):
        try:
            at, event, length = _HEAD.unpack_from(packed, place)
            known = ConsoleEvent(event)
        except (struct.error, ValueError):
            raise ValueError("these are no pieces of a console") from None
        place += _HEAD.size
        data = packed[place : place + length]
        if len(data) < length:
            raise ValueError("a piece of a console is cut off")
        yield ConsolePiece(at=at, event=known, data=data)
        place += length
