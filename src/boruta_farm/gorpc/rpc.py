"""Calls over gob: every request and every reply is a header value followed by a body value."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from boruta_farm.gorpc.decoder import NEED_MORE, Decoder, More
from boruta_farm.gorpc.errors import BrokenStreamError, MismatchError, StreamLimitError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.parser import Decoded
from boruta_farm.gorpc.schema import STRING, UINT, Empty, GoField, GoStruct, T

ArgumentT = TypeVar("ArgumentT")
ReplyT = TypeVar("ReplyT")
HeaderT = TypeVar("HeaderT", bound="RequestHeader | ResponseHeader")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHeader:
    """Name the method called; replies find their call by the sequence number alone."""

    method: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseHeader:
    """Repeat the request's header and tell the error; an empty one means success."""

    method: str
    sequence: int
    error: str


_METHOD: Final = GoField(name="ServiceMethod", attribute="method", schema=STRING)
_SEQUENCE: Final = GoField(name="Seq", attribute="sequence", schema=UINT)
_ERROR: Final = GoField(name="Error", attribute="error", schema=STRING)

REQUEST: Final = GoStruct(name="Request", record=RequestHeader, fields=(_METHOD, _SEQUENCE))
RESPONSE: Final = GoStruct(
    name="Response", record=ResponseHeader, fields=(_METHOD, _SEQUENCE, _ERROR)
)
NO_REPLY: Final = GoStruct(name="", record=Empty)
"""The body of an error reply: there is always one, but nobody reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcMethod(Generic[ArgumentT, ReplyT]):
    """Name a method, ``Service.Method``, with the types of its argument and its reply."""

    name: str
    argument: GoStruct[ArgumentT]
    reply: GoStruct[ReplyT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming(Generic[HeaderT]):
    """Hold a complete request or reply; the body waits to be bound to the method's type."""

    header: HeaderT
    body: Decoded


class Receiver(Generic[HeaderT]):
    """Turn the bytes of one direction into requests (``REQUEST``) or replies (``RESPONSE``).

    Does no input or output itself; see ``Decoder`` for the way to use it.
    """

    def __init__(self, header: GoStruct[HeaderT], limits: GobLimits = DEFAULT_LIMITS) -> None:
        self._schema = header
        self._limits = limits
        self._decoder = Decoder(limits)
        self._header: HeaderT | None = None

    @property
    def inside_message(self) -> bool:
        """Tell whether the bytes so far end in the middle of a request or reply."""
        return self._header is not None or self._decoder.inside_value

    def feed(self, data: bytes) -> None:
        """Add bytes as they came; take messages between reads."""
        self._decoder.feed(data)

    def next_message(self) -> Incoming[HeaderT] | More:
        """Take the next request or reply; raise ``BrokenStreamError`` when there can be none."""
        if self._header is None:
            value = self._decoder.next_value()
            if value is NEED_MORE:
                return NEED_MORE
            self._header = self._read_header(value)
        body = self._decoder.next_value()
        if body is NEED_MORE:
            return NEED_MORE
        incoming = Incoming(header=self._header, body=body)
        self._header = None
        return incoming

    def bind(self, body: Decoded, schema: GoStruct[T]) -> T:
        """Turn a body into a record; raise ``MismatchError``, which leaves the stream intact."""
        return self._decoder.bind(body, schema)

    def _read_header(self, value: Decoded) -> HeaderT:
        try:
            header = self._decoder.bind(value, self._schema)
        except MismatchError as error:
            raise BrokenStreamError(f"this is no call over Go RPC: {error}") from error
        if len(header.method) > self._limits.name:
            raise StreamLimitError(f"a method name of {len(header.method)} characters is too long")
        return header
