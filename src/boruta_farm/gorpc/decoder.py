"""Bytes to values, in whatever pieces the network delivers them."""

from enum import Enum, auto
from typing import Final

from boruta_farm.gorpc.binding import bind
from boruta_farm.gorpc.errors import BrokenStreamError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.parser import Decoded, Parser, Parsing
from boruta_farm.gorpc.primitives import split_message
from boruta_farm.gorpc.schema import GoStruct, T
from boruta_farm.gorpc.types import TypeTable


class More(Enum):
    """The type of ``NEED_MORE``, for annotations."""

    NEEDED = auto()


NEED_MORE: Final = More.NEEDED
"""Returned while a value is not complete: feed more bytes and ask again."""


class Decoder:
    """Decode one direction of one connection, without doing any input or output itself.

    Feed what arrived, then take values until ``NEED_MORE``. A broken stream raises the same
    ``BrokenStreamError`` at every further call: nothing can be read behind the first bad byte.
    """

    def __init__(self, limits: GobLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._types = TypeTable(limits)
        self._parser = Parser(self._types, limits)
        self._buffer = bytearray()
        self._parsing: Parsing[Decoded] | None = None
        self._broken: BrokenStreamError | None = None

    @property
    def inside_value(self) -> bool:
        """Tell whether the bytes so far end in the middle of something."""
        return bool(self._buffer) or self._parsing is not None

    def feed(self, data: bytes) -> None:
        """Add bytes as they came. They are kept until taken: take values between reads."""
        self._buffer += data

    def next_value(self) -> Decoded | More:
        """Take the next value in the sender's own terms, or ``NEED_MORE``."""
        if self._broken is not None:
            raise self._broken
        try:
            return self._advance()
        except BrokenStreamError as error:
            self._broken = error
            self._parsing = None
            self._buffer.clear()
            raise

    def bind(self, decoded: Decoded, schema: GoStruct[T]) -> T:
        """Turn a value of this stream into a record; raise ``MismatchError`` when it is no such."""
        return bind(decoded.value, decoded.type_id, schema, self._types)

    def _advance(self) -> Decoded | More:
        while (message := split_message(self._buffer, self._limits.message)) is not None:
            if self._parsing is None:
                self._parsing = self._parser.parse()
                next(self._parsing)
            try:
                self._parsing.send(message)
            except StopIteration as done:
                self._parsing = None
                decoded: Decoded = done.value
                return decoded
        return NEED_MORE
