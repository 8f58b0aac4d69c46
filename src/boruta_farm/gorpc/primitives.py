"""The basic encodings of gob: integers, lengths, text, big integers."""

import struct
from typing import Final

from boruta_farm.gorpc.errors import BrokenStreamError, MismatchError, StreamLimitError

_LARGEST_UINT: Final = 2**64 - 1
_BIG_INT_VERSION: Final = 1


class Cursor:
    """Read basic values from one complete message, front to back.

    Every method raises ``BrokenStreamError`` when the message ends before the value does.
    """

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def position(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    @property
    def remaining(self) -> int:
        """Return how many bytes are left."""
        return len(self._data) - self._position

    def rest(self) -> bytes:
        """Return what is left without reading it."""
        return self._data[self._position :]

    def read_uint(self) -> int:
        """Read an unsigned integer of up to 64 bits."""
        if self._position >= len(self._data):
            raise BrokenStreamError("a gob message ends where an integer should follow")
        head = self._data[self._position]
        self._position += 1
        if head < 0x80:
            return head
        return int.from_bytes(self.take(_width(head)), "big")

    def read_int(self) -> int:
        """Read a signed integer of up to 64 bits."""
        number = self.read_uint()
        return ~(number >> 1) if number & 1 else number >> 1

    def read_bool(self) -> bool:
        """Read a truth value."""
        number = self.read_uint()
        if number > 1:
            raise BrokenStreamError(f"a gob truth value is {number} instead of 0 or 1")
        return number == 1

    def read_float(self) -> float:
        """Read a floating point number: its IEEE 754 bytes in reverse, as an unsigned integer."""
        (number,) = struct.unpack("<d", self.read_uint().to_bytes(8, "big"))
        return float(number)

    def read_bytes(self) -> bytes:
        """Read a length and that many bytes."""
        return self.take(self.read_uint())

    def read_text(self, *, limit: int | None = None) -> str:
        """Read a string.

        Go's strings may hold any bytes, such as the words of a tool in another encoding. They do
        not end the connection: what is not UTF-8 becomes U+FFFD.
        """
        length = self.read_uint()
        if limit is not None and length > limit:
            raise StreamLimitError(f"a gob name of {length} bytes exceeds the limit of {limit}")
        return self.take(length).decode("utf-8", errors="replace")

    def take(self, length: int) -> bytes:
        """Read exactly ``length`` bytes."""
        end = self._position + length
        if end > len(self._data):
            raise BrokenStreamError(
                f"a gob value of {length} bytes exceeds the {self.remaining} left in its message"
            )
        taken = self._data[self._position : end]
        self._position = end
        return taken


def split_message(buffer: bytearray, limit: int) -> bytes | None:
    """Cut the first message off ``buffer``; None, and nothing cut, when it is not complete yet.

    Raises ``StreamLimitError`` as soon as the announced length exceeds ``limit``, long before the
    bytes arrive, and ``BrokenStreamError`` for a length that no sender produces.
    """
    if not buffer:
        return None
    head = buffer[0]
    width = 0 if head < 0x80 else _width(head)
    if len(buffer) < 1 + width:
        return None
    length = int.from_bytes(buffer[1 : 1 + width], "big") if width else head
    if length == 0:
        raise BrokenStreamError("a gob message has no bytes")
    if length > limit:
        raise StreamLimitError(f"a gob message of {length} bytes exceeds the limit of {limit}")
    end = 1 + width + length
    if len(buffer) < end:
        return None
    message = bytes(buffer[1 + width : end])
    del buffer[:end]
    return message


def encode_uint(number: int) -> bytes:
    """Encode an unsigned integer; raise ``MismatchError`` outside 64 bits."""
    if not 0 <= number <= _LARGEST_UINT:
        raise MismatchError("an integer outside 64 bits cannot be sent over gob")
    if number < 0x80:
        return bytes((number,))
    width = (number.bit_length() + 7) // 8
    return bytes((256 - width,)) + number.to_bytes(width, "big")


def encode_int(number: int) -> bytes:
    """Encode a signed integer; raise ``MismatchError`` outside 64 bits."""
    return encode_uint(~number << 1 | 1 if number < 0 else number << 1)


def encode_float(number: float) -> bytes:
    """Encode a floating point number."""
    return encode_uint(int.from_bytes(struct.pack("<d", number), "big"))


def encode_bytes(data: bytes) -> bytes:
    """Encode a length and the bytes."""
    return encode_uint(len(data)) + data


def encode_text(text: str) -> bytes:
    """Encode a string as UTF-8; raise ``MismatchError`` for a lone surrogate."""
    try:
        return encode_bytes(text.encode())
    except UnicodeEncodeError as error:
        raise MismatchError(f"a text cannot be sent over gob: {error.reason}") from error


def encode_big_int(number: int) -> bytes:
    """Return the bytes Go's ``big.Int`` makes of itself: version and sign, then the magnitude."""
    magnitude = abs(number)
    head = _BIG_INT_VERSION << 1 | (number < 0)
    return bytes((head,)) + magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")


def decode_big_int(data: bytes) -> int:
    """Read the bytes of a ``big.Int``; none at all mean zero, as in Go."""
    if not data:
        return 0
    if data[0] >> 1 != _BIG_INT_VERSION:
        raise MismatchError(f"a big.Int has the unknown format version {data[0] >> 1}")
    magnitude = int.from_bytes(data[1:], "big")
    return -magnitude if data[0] & 1 else magnitude


def _width(head: int) -> int:
    width = 256 - head
    if width > 8:
        raise BrokenStreamError(f"a gob integer starts with the impossible byte 0x{head:02x}")
    return width
