"""What is answered before the application hears of a call, in the API's one shape of errors."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAnswer:
    """Carry a whole answer; the connection ends with it."""

    status: HTTPStatus
    code: str
    words: str

    def answer(self) -> bytes:
        """Return what goes over the wire."""
        body = json.dumps({"message": self.words, "Code": self.code}).encode()
        again = "retry-after: 1\r\n" if self.status in AGAIN else ""
        head = (
            f"HTTP/1.1 {self.status} {self.status.phrase}\r\nconnection: close\r\n"
            f"content-type: application/json\r\n{again}content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class RefusedCallError(Exception):
    """A call is refused before the application hears of it."""

    def __init__(self, refusal: LastAnswer) -> None:
        """Say how."""
        super().__init__(refusal.words)
        self.refusal = refusal


AGAIN: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE)
"""Statuses of calls that may be repeated as they are."""
MALFORMED: Final = LastAnswer(
    status=HTTPStatus.BAD_REQUEST,
    code="malformed-call",
    words="this is no HTTP/1.1 that can be told apart without doubt",
)
NO_HOST: Final = LastAnswer(
    status=HTTPStatus.BAD_REQUEST,
    code="malformed-call",
    words="a call of HTTP/1.1 has exactly one Host header",
)
OLD_CHUNKS: Final = LastAnswer(
    status=HTTPStatus.BAD_REQUEST,
    code="malformed-call",
    words="HTTP/1.0 knows no Transfer-Encoding; send a Content-Length",
)
CODING: Final = LastAnswer(
    status=HTTPStatus.NOT_IMPLEMENTED,
    code="malformed-call",
    words="of Transfer-Encoding this port knows chunked alone; send the body as it is",
)
TUNNEL: Final = LastAnswer(
    status=HTTPStatus.METHOD_NOT_ALLOWED,
    code="malformed-call",
    words="this is no proxy: CONNECT leads nowhere",
)
MISDIRECTED: Final = LastAnswer(
    status=HTTPStatus.MISDIRECTED_REQUEST,
    code="unknown-host",
    words="this farm does not go by the name it was called by; call it by its address or by one of "
    "its names, or have its admin add the name to public_names",
)
EXPECTS: Final = LastAnswer(
    status=HTTPStatus.EXPECTATION_FAILED,
    code="malformed-call",
    words="the only expectation that is met is 100-continue",
)
VERSION: Final = LastAnswer(
    status=HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    code="malformed-call",
    words="this port speaks HTTP/1.1 and HTTP/1.0",
)
BROKEN: Final = LastAnswer(
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
    code="internal",
    words="Boruta failed in a way it did not expect",
)
NO_RELAY: Final = LastAnswer(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code="unavailable",
    words="the relay takes no streams just now; try again",
)
SLOW_HEAD: Final = LastAnswer(
    status=HTTPStatus.REQUEST_TIMEOUT,
    code="slow-headers",
    words="the headers did not arrive in time; send them at once",
)
LARGE_HEAD: Final = LastAnswer(
    status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    code="headers-too-large",
    words="the headers are larger than 64 KiB; send less",
)
