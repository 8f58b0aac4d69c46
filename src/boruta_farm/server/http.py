"""Uvicorn's HTTP protocol with limits on time and size of a call's headers."""

import asyncio
import json
import logging
from pathlib import Path
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from boruta_farm.access.handover import hand_over
from boruta_farm.server.corked import Corked

logger = logging.getLogger(__name__)

HEADERS_WITHIN = 10.0
MAX_HEADERS = 64 * 1024

STREAM_PATH = b"/api/v1/stream"
"""Where agents' WebSockets for streams come, which are the relay's."""


def _answer(status: str, code: str, words: str) -> bytes:
    """Return a whole answer in the API's one shape of errors; the connection ends with it."""
    body = json.dumps({"message": words, "Code": code}).encode()
    head = (
        f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\n"
        f"retry-after: 1\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


SLOW = _answer(
    "408 Request Timeout", "slow-headers", "the headers did not arrive in time; send them at once"
)
LARGE = _answer(
    "431 Request Header Fields Too Large",
    "headers-too-large",
    f"the headers are larger than {MAX_HEADERS // 1024} KiB; send less",
)
NO_RELAY = _answer(
    "503 Service Unavailable", "unavailable", "the relay takes no streams just now; try again"
)


class GuardedProtocol(HttpToolsProtocol):
    """Close connections whose headers take longer than 10 s or more than 64 KiB.

    Nothing else limits them: a few hundred slow clients could otherwise hold every connection
    (slowloris). A timer runs only while a call's headers are incomplete, which a normal call's
    never are. Bodies are limited by the application.
    """

    headers_within: ClassVar[float] = HEADERS_WITHIN
    data: ClassVar[Path | None] = None
    """The data folder, in which the relay takes streams; None hands none over."""

    _complete = True
    _received = 0
    _size = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect a first call."""
        super().connection_made(transport)
        self._corked = Corked(transport, self.loop)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._settle()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that headers begin."""
        self._complete = False
        self._received = self._size = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header unless all of them together are too large.

        Raises ValueError then, which ends the parsing; ``send_400_response`` is told.
        """
        self._size += len(name) + len(value)
        if self._size > MAX_HEADERS:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed, or was too large to be parsed."""
        if self._size > MAX_HEADERS:
            self._refuse(LARGE)
        else:
            super().send_400_response(msg)

    def on_headers_complete(self) -> None:
        """Note that headers are complete."""
        self._complete = True
        self._settle()
        super().on_headers_complete()
        if self.cycle is not None:
            # It has not begun to run: a task does that.
            self.cycle.transport = self._corked  # type: ignore[assignment]  # all that it calls

    def on_response_complete(self) -> None:
        """Write the whole answer."""
        self._corked.flush()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        """Count what comes while headers are incomplete, which a single endless line is too."""
        if not self._complete:
            self._received += len(data)
            if self._received > MAX_HEADERS:
                self._refuse(LARGE)
                return
        super().data_received(data)
        if not self._complete and self._timer is None:
            self._expect()

    def handle_websocket_upgrade(self) -> None:
        """Hand a stream's WebSocket over to the relay; every other is the application's.

        A connection with TLS of ours cannot change processes: behind a proxy there is none.
        """
        plain = self.transport.get_extra_info("ssl_object") is None
        if self.data is None or self.url.partition(b"?")[0] != STREAM_PATH or not plain:
            super().handle_websocket_upgrade()
            return
        head = [b"GET ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.scope["headers"]:
            head += [name, b": ", value, b"\r\n"]
        self.connections.discard(self)
        try:
            handle = self.transport.get_extra_info("socket").fileno()
            hand_over(self.data, handle, b"".join([*head, b"\r\n"]))
        except OSError as error:
            logger.warning("an agent's stream was not handed over to the relay: %s", error)
            self._refuse(NO_RELAY)
            return
        self.transport.abort()

    def _expect(self) -> None:
        self._timer = self.loop.call_later(self.headers_within, self._refuse, SLOW)

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: bytes) -> None:
        self._settle()
        if self.transport is not None and not self.transport.is_closing():
            self._corked.write(answer)
            self._corked.close()


def guarded(data: Path) -> type[GuardedProtocol]:
    """Return the protocol of a server whose relay is found in a data folder."""

    class Guarded(GuardedProtocol):
        """Know where the relay is."""

    Guarded.data = data
    return Guarded
