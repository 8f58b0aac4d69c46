"""TLS over a plain connection: what speaks HTTP sees a connection like any other."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.server import ServerState

from boruta_farm.model.addresses import canonical
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.patience import Patience

logger = logging.getLogger(__name__)

RECORD: Final = 64 * 1024
HANDSHAKE: Final = 0x16
"""The first byte of every TLS connection, which no HTTP method begins with."""
PLAIN: Final = b"this port speaks HTTPS: use https://... instead of http://\n"
PLAIN_ANSWER: Final = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(PLAIN), PLAIN)
)


class Encrypted(asyncio.Transport, asyncio.Protocol):
    """Be the protocol of a plain connection and the transport of what speaks under TLS.

    The loop's own TLS ends both directions when the caller ends his, takes no more than a closed
    door from somebody who speaks plain HTTP, and reads a quarter of a megabyte ahead of a protocol
    that has paused. Here the plain connection itself is paused, a caller who has said all still
    gets his answer, and what is no TLS is told so.
    """

    def __init__(
        self,
        door: Door,
        state: ServerState,
        context: ssl.SSLContext,
        make: Callable[[str], asyncio.Protocol],
    ) -> None:
        """``make`` returns what speaks under TLS, given the source that is counted already."""
        super().__init__()
        self._door = door
        self._state = state
        self._make = make
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._lower: asyncio.Transport
        self._upper: asyncio.Protocol | None = None
        self._patience = Patience(asyncio.get_running_loop(), self.abort)
        self._source: str | None = None
        self._begun = self._refused = False
        self._paused = self._closing = self._cut = self._ended = False

    # As the protocol of the plain connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a handshake."""
        # uvloop's transports are no subclass of asyncio's.
        self._lower = transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)  # type: ignore[arg-type]  # all that is asked of one
        self._source = self._door.crowd.enter(self._peer)
        if self._source is None:
            transport.abort()
            return
        self._door.crowd.wait(self, self._source, self._peer, self.abort)
        self._patience.within(self._door.bounds.head_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell what speaks under TLS."""
        self._state.connections.discard(self)
        self._patience.end()
        self._closing = True
        if self._source is not None:
            self._door.crowd.wake(self, self._source)
            self._door.crowd.leave(self._source)
            self._source = None
        if self._upper is not None:
            self._upper.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._refused:
            return
        if not self._begun:
            self._begun = True
            if data[0] != HANDSHAKE:
                self._refuse_plain()
                return
        self._incoming.write(data)
        self._advance()

    def eof_received(self) -> bool:
        """Pass on that the caller sends nothing more; return whether he may still be answered."""
        if self._upper is None or self._refused:
            return False
        # OpenSSL is not told: it would take an end without a farewell for an attack, and write
        # nothing more. Heads and bodies say themselves how long they are.
        self._cut = True
        self._advance()
        return not self._closing

    def pause_writing(self) -> None:
        """Pass on that the caller should read first."""
        if self._upper is not None:
            self._upper.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the caller has read."""
        if self._upper is not None:
            self._upper.resume_writing()

    def shutdown(self) -> None:
        """End a connection that is not under TLS yet; the server stops."""
        if self._upper is None:
            self.abort()

    # As the transport of what speaks under TLS.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection."""
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._tls.context
        return self._lower.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol speak from now on."""
        assert isinstance(protocol, asyncio.Protocol)
        self._upper = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return what speaks."""
        assert self._upper is not None
        return self._upper

    def is_closing(self) -> bool:
        """Tell whether nothing more can be written."""
        return self._closing or self._lower.is_closing()

    def is_reading(self) -> bool:
        """Tell whether reading is not paused."""
        return not self._paused

    def pause_reading(self) -> None:
        """Read nothing, neither here nor from the network."""
        if not self._paused:
            self._paused = True
            if not self._lower.is_closing():
                self._lower.pause_reading()

    def resume_reading(self) -> None:
        """Read on, what was received already first."""
        if self._paused:
            self._paused = False
            if not self._lower.is_closing():
                self._lower.resume_reading()
            asyncio.get_running_loop().call_soon(self._advance)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self.is_closing():
            return
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]
        self._flush()

    def can_write_eof(self) -> bool:
        """Tell that each direction ends by itself."""
        return self._lower.can_write_eof()

    def write_eof(self) -> None:
        """Say that nothing more comes, and go on reading."""
        self._say_farewell()
        if not self._lower.is_closing():
            self._lower.write_eof()

    def close(self) -> None:
        """Close once everything is sent."""
        if not self._closing:
            self._say_farewell()
            self._closing = True
            self._lower.close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._lower.abort()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._lower.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return when writing is paused."""
        return self._lower.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Say when writing is paused."""
        self._lower.set_write_buffer_limits(high, low)

    # TLS itself.

    def _advance(self) -> None:
        """Decrypt what came and pass it on, until more is needed or the reader has paused."""
        try:
            if self._upper is None:
                self._tls.do_handshake()
                self._open()
            while not (self._paused or self._closing or self._ended):
                data = self._tls.read(RECORD)
                if not data:
                    self._end()
                    break
                self._under().data_received(data)
        except ssl.SSLWantReadError:
            if self._cut and self._upper is not None:
                self._end()
        except ssl.SSLError as error:
            self._fail(error)
        self._flush()

    def _open(self) -> None:
        self._patience.end()
        assert self._source is not None
        self._door.crowd.wake(self, self._source)
        self._upper = self._make(self._source)
        # From here on it is the connection that the server waits for at its end.
        self._state.connections.discard(self)
        self._upper.connection_made(self)

    def _under(self) -> asyncio.Protocol:
        assert self._upper is not None
        return self._upper

    def _end(self) -> None:
        """Pass on that nothing more comes."""
        if self._ended:
            return
        self._ended = True
        if not self._under().eof_received():
            self.close()

    def _fail(self, error: ssl.SSLError) -> None:
        why = (error.reason or str(error)).lower().replace("_", " ")
        logger.info("no TLS with %s: %s", self._peer, why)
        self._flush()
        self._closing = True
        self._lower.close()

    def _refuse_plain(self) -> None:
        logger.info("%s spoke plain HTTP to the HTTPS port: it must call https://", self._peer)
        self._refused = True
        self._lower.write(PLAIN_ANSWER)
        if self._lower.can_write_eof():
            # Reading on for a while lets the answer arrive.
            self._lower.write_eof()
            self._patience.within(self._door.bounds.body_patience)
        else:
            self._lower.close()

    def _say_farewell(self) -> None:
        # The caller's own farewell may come later, or never: that is no error here.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._lower.is_closing():
            self._lower.write(self._outgoing.read())

    @property
    def _peer(self) -> str:
        peer = self._lower.get_extra_info("peername")
        return canonical(str(peer[0])) if peer else ""
