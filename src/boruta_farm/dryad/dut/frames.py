"""How ``dut`` and the agent speak: frames over a unix socket, the same both ways.

A frame is one letter, the length of what follows (4 bytes, big-endian), and that many bytes:

    H  the call, once, first: a JSON object {"dut": 1, "act", "tool", "arguments"}
    D  bytes of a stream, from either side
    E  the caller sends no more bytes
    N  a note from the agent on the way, a JSON object
    R  the result, once, last: {"status": 0, ...answer} or {"status": 1.., "error": words}
"""

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

VERSION: Final = 1
LONGEST: Final = 64 * 1024
HEAD: Final = 5

CALL, DATA, END, NOTE, RESULT = b"H", b"D", b"E", b"N", b"R"
LETTERS: Final = frozenset((CALL, DATA, END, NOTE, RESULT))


class Status(IntEnum):
    """How a call ended, which is ``dut``'s exit status too."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    OVER = 3
    UNREACHABLE = 4


class DutFrameError(ValueError):
    """What came is no frame of ours."""


def pack(letter: bytes, data: bytes = b"") -> bytes:
    """Return one frame."""
    return letter + len(data).to_bytes(4, "big") + data


def pack_words(letter: bytes, words: Mapping[str, object]) -> bytes:
    """Return a frame that holds one JSON object."""
    return pack(letter, json.dumps(words).encode())


def unpack_head(head: bytes) -> tuple[bytes, int]:
    """Return letter and length. Raises FrameError."""
    letter, length = head[:1], int.from_bytes(head[1:HEAD], "big")
    if letter not in LETTERS or length > LONGEST:
        raise DutFrameError(f"no frame begins with {head!r}")
    return letter, length


def unpack_words(data: bytes) -> dict[str, Any]:
    """Return the JSON object of a frame. Raises FrameError."""
    try:
        words = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DutFrameError(f"a frame is no JSON: {error}") from None
    if not isinstance(words, dict):
        raise DutFrameError("a frame is no JSON object")
    return words
