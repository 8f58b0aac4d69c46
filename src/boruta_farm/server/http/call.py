"""One call of a connection as the application sees it (ASGI), and its answer on the wire."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol, Self
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Message, Scope

from boruta_farm.model.addresses import canonical
from boruta_farm.server.http.framing import Head
from boruta_farm.server.http.reader import ReaderWatch
from boruta_farm.server.http.refusals import BROKEN, LastAnswer
from boruta_farm.web.calls import DIRECT, Header

logger = logging.getLogger(__name__)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {
    status.value: b"%d %s\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}
EMPTY = (204, 304)
"""Statuses whose answers have no body and need not say so."""
AWAITED = "_asyncio_future_blocking"
"""By which asyncio knows futures: set where one is awaited, unset by whoever goes on after it."""
HEADERS_KEPT = 256
"""Lists of headers whose lines are kept: nearly all answers bear one of a few."""


class Lines(NamedTuple):
    """Carry headers as they are written, and what they say of body and connection."""

    text: bytes
    length: int | None
    told: bool
    closes: bool


def header_lines(headers: Iterable[Header]) -> Lines:
    """Return headers as they are written. Raises RuntimeError for what would be read as another."""
    parts: list[bytes] = []
    length: int | None = None
    told = closes = False
    lines = 0
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
        lines += 1
        if name == b"content-length":
            length = int(value)
        elif name == b"connection":
            told = True
            closes = closes or value.lower() == b"close"
    text = b"".join(parts)
    if text.count(b"\n") != lines or text.count(b"\r") != lines or b"\0" in text:
        raise RuntimeError("a header of the answer holds a line's end")
    return Lines(text, length, told, closes)


_kept_lines = lru_cache(HEADERS_KEPT)(header_lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Tell the two ends of a connection, as ASGI wants them, and how it is spoken on."""

    client: tuple[str, int] | None
    server: tuple[str, int] | None
    scheme: str
    host: str
    """The caller's address, empty where it is not known."""

    @classmethod
    def of(cls, transport: asyncio.Transport) -> Self:
        """Return what a connection tells; the ends of others than those of IP are not known."""

        def end(name: str) -> tuple[str, int] | None:
            found = transport.get_extra_info(name)
            return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None

        plain = transport.get_extra_info("ssl_object") is None
        client = end("peername")
        return cls(
            client=client,
            server=end("sockname"),
            scheme="http" if plain else "https",
            host=canonical(client[0]) if client else "",
        )

    def scope(self, head: Head, asgi: str) -> Scope:
        """Return what the application is told of a call."""
        target, query = head.url, b""
        if target.startswith(b"/"):
            target, _, query = target.partition(b"#")[0].partition(b"?")
        elif target != b"*":
            parts = httptools.parse_url(target)
            target, query = parts.path or b"/", parts.query or b""
        path = target.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": asgi, "spec_version": "2.3"},
            "http_version": head.version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": head.method.decode("ascii"),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": target,
            "query_string": query,
            "headers": head.headers,
            "state": {},
        }


class Wire(Protocol):
    """The connection that a call came on."""

    loop: asyncio.AbstractEventLoop
    reader: ReaderWatch

    def write(self, data: bytes) -> None:
        """Write to the caller."""
        ...

    def abort(self) -> None:
        """Break the connection off."""
        ...

    def refuse(self, refusal: LastAnswer) -> None:
        """Answer in the application's stead and end the connection."""
        ...

    def in_task(self, serving: Coroutine[Any, Any, None]) -> None:
        """Have a task go on with it."""
        ...

    def read_on(self) -> None:
        """Take more of the body."""
        ...

    def date(self) -> bytes:
        """Return the header that tells the time, empty before it is known."""
        ...

    def can_go_on(self, call: "HttpCall") -> bool:
        """Tell whether another call may follow, however the body of this one ends."""
        ...

    def answered(self, call: "HttpCall") -> None:
        """Go on after a complete answer."""
        ...


class HttpCall:
    """Hand a call's body to the application and write its answer.

    The head of an answer is held until the body comes, for the two are one write and wake the
    client once; at the latest it is written in the next round of the loop, for the first event of
    a stream may be minutes away.

    The application begins at once, outside of any task, and goes on so when the future that it
    waits for is there. Where it yields nothing it gets one. Through ``DIRECT`` it may pass by the
    messages of ASGI. Without both a GET took 1.6 times as long (docs/performance.md).
    """

    __slots__ = (
        "_answered",
        "_body",
        "_chunked",
        "_connection",
        "_held",
        "_hung_up",
        "_left",
        "_lost",
        "_more",
        "_news",
        "_old",
        "_serving",
        "_started",
        "_waiter",
        "awaits_continue",
        "keep_alive",
        "scope",
    )

    def __init__(
        self,
        connection: Wire,
        scope: Scope,
        *,
        keep_alive: bool,
        awaits_continue: bool,
    ) -> None:
        scope[DIRECT] = self
        self.scope = scope
        self.keep_alive = keep_alive
        self.awaits_continue = awaits_continue
        self._connection = connection
        self._old = scope["http_version"] == "1.0"
        self._body = bytearray()
        self._more = True
        self._news = False
        self._waiter: asyncio.Future[None] | None = None
        self._started = self._answered = self._hung_up = self._lost = False
        self._chunked = False
        self._left = 0
        self._held: bytes | None = None

    @property
    def started(self) -> bool:
        """Tell whether the answer has begun."""
        return self._started

    @property
    def waiting(self) -> int:
        """Return how many bytes of the body the application has not taken yet."""
        return len(self._body)

    def feed(self, data: bytes) -> None:
        """Take a part of the body."""
        self._body += data
        self._news = True
        self._wake()

    def end_body(self) -> None:
        """Note that the body is complete."""
        self._more = False
        self._news = True
        self._wake()

    def hang_up(self) -> None:
        """Note that nothing more comes from the caller, who may still read the answer."""
        self._hung_up = True
        self._wake()

    def lose(self) -> None:
        """Note that the connection is gone."""
        self._lost = True
        self._wake()

    def begin(self, app: ASGIApp) -> None:
        """Have the application answer; it gets a task once it yields without a future."""
        self._serving = self._serve(app)
        self._step()

    def whole_body(self) -> bytes | None:
        """Return the body where all of it has come and nothing was taken yet, else None."""
        if self._more or not self._news:
            return None
        self._news = False
        body = bytes(self._body)
        self._body.clear()
        return body

    def write_answer(self, status: int, headers: tuple[Header, ...], body: bytes) -> bool:
        """Write a whole answer; False where the caller has to read first, or it goes in parts.

        The length of the body is told here, so that equal headers are equal.
        """
        connection = self._connection
        if connection.reader.behind or self.scope["method"] == "HEAD" or self._started:
            return False
        if self._lost:
            return True
        length = None if status in EMPTY else len(body)
        head = self._head(status, _kept_lines(headers), length)
        self._started = self._answered = True
        connection.write(head + body)
        self._wake()
        connection.answered(self)
        return True

    async def _serve(self, app: ASGIApp) -> None:
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            logger.exception("the application failed")
        if self._answered or self._lost:
            return
        if self._started:
            logger.error("%s %s was answered in part", self.scope["method"], self.scope["path"])
            self._connection.abort()
        else:
            self._connection.refuse(BROKEN)

    async def receive(self) -> Message:
        """Return the next part of the body; ``http.disconnect`` once the caller hung up.

        He who closed only his own direction still gets the answer, as with Go's server.
        """
        if self.awaits_continue:
            self.awaits_continue = False
            self._connection.write(CONTINUE)
        while not self._news:
            if self._lost or self._answered or self._hung_up:
                return {"type": "http.disconnect"}
            self._connection.read_on()
            self._waiter = self._connection.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._news = False
        body = bytes(self._body)
        self._body.clear()
        if self._more:
            self._connection.read_on()
        return {"type": "http.request", "body": body, "more_body": self._more}

    async def send(self, message: Message) -> None:
        """Write a part of the answer once the caller has read enough of what was written."""
        connection = self._connection
        if connection.reader.behind:
            await connection.reader.caught_up()
        if self._lost:
            return
        if not self._started:
            lines = header_lines(message.get("headers", ()))
            self._held = self._head(message["status"], lines, lines.length)
            self._started = True
            connection.loop.call_soon(self._flush)
            return
        if self._answered:
            raise RuntimeError("the answer is complete already")
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        held, self._held = self._held or b"", None
        connection.write(held + self._coded(body, more=more))
        if not more:
            if self._left:
                raise RuntimeError("the body is shorter than its Content-Length")
            self._answered = True
            self._wake()
            connection.answered(self)

    def _step(self, _done: object = None) -> None:
        """Go on with the application until it waits."""
        try:
            awaited = self._serving.send(None)
        except StopIteration:
            return
        except asyncio.CancelledError:
            # What it waited for was given up, and so is the answer.
            self._connection.abort()
            return
        if awaited is None:
            self._connection.in_task(self._serving)
        else:
            # As asyncio's tasks do: others may await the same future.
            setattr(awaited, AWAITED, False)
            awaited.add_done_callback(self._step)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _flush(self) -> None:
        if self._held is not None and not self._lost:
            held, self._held = self._held, None
            self._connection.write(held)

    def _coded(self, body: bytes, *, more: bool) -> bytes:
        if self.scope["method"] == "HEAD":
            self._left = 0
            return b""
        if self._chunked:
            coded = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return coded if more else coded + b"0\r\n\r\n"
        if self._left >= 0:
            self._left -= len(body)
            if self._left < 0:
                raise RuntimeError("the body is longer than its Content-Length")
        elif not more:
            self._left = 0
        return body

    def _head(self, status: int, lines: Lines, length: int | None) -> bytes:
        """Return status line and headers; decide how the body's end is told.

        ``length`` is the body's, where it is known; it is written unless ``lines`` tell it.
        """
        old = self._old
        parts = [b"HTTP/1.0 " if old else b"HTTP/1.1 ", STATUS_LINES[status]]
        parts += (self._connection.date(), lines.text)
        if length is not None:
            self._left = length
            if lines.length is None:
                parts.append(b"content-length: %d\r\n" % length)
        elif self.scope["method"] != "HEAD" and status not in EMPTY:
            if old:
                # The end of the connection is the end of the body.
                self.keep_alive = False
                self._left = -1
            else:
                self._chunked = True
                parts.append(b"transfer-encoding: chunked\r\n")
        if self.keep_alive and (lines.closes or not self._connection.can_go_on(self)):
            self.keep_alive = False
        self.awaits_continue = False
        if not lines.told and (old or not self.keep_alive):
            parts.append(
                b"connection: keep-alive\r\n" if self.keep_alive else b"connection: close\r\n"
            )
        parts.append(b"\r\n")
        return b"".join(parts)
