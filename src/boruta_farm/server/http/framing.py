"""Where a call ends and the next one begins: bytes cut into calls, and read by llhttp."""

from typing import Final, NamedTuple, Protocol

import httptools

from boruta_farm.server.http import refusals
from boruta_farm.server.http.refusals import RefusedCallError

MAX_HEAD: Final = 64 * 1024
END: Final = b"\r\n\r\n"
"""The end of every head, and of every body in chunks."""
CHUNKED: Final = -1


class Head(NamedTuple):
    """Carry what a call says of itself; ``length`` is its body's, -1 for one in chunks.

    A frozen dataclass takes more than twice as long to make, which every call would pay.
    """

    method: bytes
    url: bytes
    version: str
    headers: list[tuple[bytes, bytes]]
    keep_alive: bool
    length: int
    expects: bool

    def write(self) -> bytes:
        """Return the head as it came."""
        lines = [b"%b %b HTTP/%b\r\n" % (self.method, self.url, self.version.encode("ascii"))]
        lines += [b"%b: %b\r\n" % header for header in self.headers]
        return b"".join([*lines, b"\r\n"])


class Listener(Protocol):
    """Who is told of calls."""

    def begin(self, head: Head) -> None:
        """Take a call whose head is complete. Raises RefusedError."""
        ...

    def body(self, data: bytes) -> None:
        """Take a part of its body."""
        ...

    def complete(self) -> None:
        """Note that the call is whole."""
        ...


class Framing:
    """Give the parser one call and not a byte more, however many came at once.

    Heads and bodies in chunks end with an empty line, other bodies after as many bytes as their
    head says: so what comes is cut there. Where cut and parser should disagree the call is
    refused, so neither can be made to see a call that the other does not.

    The parser takes every Upgrade for the end of HTTP. Those that are no WebSocket's on GET are
    ignored, as RFC 9110 allows: a new parser is told the head again without them.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parser = httptools.HttpRequestParser(self)
        self._refusal: refusals.LastAnswer | None = None
        self._upgrade = False
        self.websocket: Head | None = None
        """The head of a call that asked for a WebSocket: HTTP is over then."""
        self.expect()

    def expect(self) -> None:
        """Expect a new call."""
        self._tail = b""
        self._size = 0
        self._body = False
        self._left = 0
        self._complete = False
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []

    @property
    def begun(self) -> bool:
        """Tell whether a part of the head has come."""
        return self._size > 0

    @property
    def left(self) -> int:
        """Return how many bytes of the body are still to come, -1 where only its end will tell."""
        return self._left

    def feed(self, data: bytes, start: int) -> int:
        """Take a piece of ``data`` and return where it ended. Raises RefusedError."""
        end = self._end_of_piece(data, start)
        piece = data[start:end]
        counted = self._body and self._left >= 0
        if not counted:
            # Of a body in chunks this is what stands between them: lengths, and trailers.
            self._size += len(piece)
            if self._size > MAX_HEAD + (len(piece) if self._body else 0):
                raise RefusedCallError(refusals.LARGE_HEAD)
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._upgraded()
            return end
        except httptools.HttpParserError as error:
            raise RefusedCallError(self._refusal or refusals.MALFORMED) from error
        if not counted:
            self._tail = b"" if piece.endswith(END) else (self._tail + piece)[1 - len(END) :]
        return end

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Begin a head."""
        if self._body or self._complete:
            raise ValueError("a second call in one piece")
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        """Take the target, or a part of it."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers, which nobody asked for, are let go."""
        if not self._body:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Tell of the call, unless it has to be read again without its Upgrade first."""
        if self._parser.should_upgrade():
            self._upgrade = True
            return
        try:
            head = self._head()
            self._left = head.length
            self._listener.begin(head)
        except RefusedCallError as error:
            self._refusal = error.refusal
            raise
        self._body = True

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        if self._left > 0:
            self._left -= len(body)
        else:
            self._size = 0
        self._listener.body(body)

    def on_message_complete(self) -> None:
        """Tell that the call is whole."""
        if not self._upgrade:
            self._complete = True
            self._listener.complete()

    def _end_of_piece(self, data: bytes, start: int) -> int:
        """Return where the call under way ends at the earliest, at most at the end of ``data``."""
        if self._body and self._left >= 0:
            return min(len(data), start + self._left)
        if self._tail:
            seam = self._tail + data[start : start + len(END) - 1]
            at = seam.find(END)
            if at >= 0:
                return start + at + len(END) - len(self._tail)
        at = data.find(END, start)
        return len(data) if at < 0 else at + len(END)

    def _head(self) -> Head:
        """Return the head. Raises RefusedError for what can be read in two ways."""
        version = self._parser.get_http_version()
        hosts = length = 0
        expects = False
        for name, value in self._headers:
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                length = CHUNKED
                if version == "1.0":
                    raise RefusedCallError(refusals.OLD_CHUNKS)
                if value.lower() != b"chunked":
                    raise RefusedCallError(refusals.CODING)
            elif name == b"expect" and version != "1.0":
                expects = True
                if value.lower() != b"100-continue":
                    raise RefusedCallError(refusals.EXPECTS)
        if version not in ("1.1", "1.0"):
            raise RefusedCallError(refusals.VERSION)
        if hosts > 1 or (not hosts and version == "1.1"):
            raise RefusedCallError(refusals.NO_HOST)
        return Head(
            method=self._parser.get_method(),
            url=self._url,
            version=version,
            headers=self._headers,
            keep_alive=self._parser.should_keep_alive(),
            length=length,
            expects=expects and length != 0,
        )

    def _upgraded(self) -> None:
        """Note a WebSocket; read any other call again without its Upgrade."""
        self._upgrade = False
        head = self._head()
        if head.method == b"CONNECT":
            raise RefusedCallError(refusals.TUNNEL)
        if head.method == b"GET" and head.version == "1.1" and not head.length:
            wanted = [value.strip().lower() for name, value in head.headers if name == b"upgrade"]
            if wanted == [b"websocket"]:
                self.websocket = head
                return
        self._headers[:] = [header for header in head.headers if header[0] != b"upgrade"]
        self._parser = httptools.HttpRequestParser(self)
        self.expect()
        self.feed(head.write(), 0)
