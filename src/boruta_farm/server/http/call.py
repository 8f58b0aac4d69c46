"""One call of a connection as the application sees it (ASGI), and its answer on the wire."""

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, Self
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Message, Scope

from boruta_farm.server.http.framing import Head
from boruta_farm.server.http.reader import ReaderWatch
from boruta_farm.server.http.refusals import BROKEN, LastAnswer

logger = logging.getLogger(__name__)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {
    status.value: b"%d %s\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}
EMPTY = (204, 304)
"""Statuses whose answers have no body and need not say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Tell the two ends of a connection, as ASGI wants them, and how it is spoken on."""

    client: tuple[str, int] | None
    server: tuple[str, int] | None
    scheme: str

    @classmethod
    def of(cls, transport: asyncio.Transport) -> Self:
        """Return what a connection tells; the ends of others than those of IP are not known."""

        def end(name: str) -> tuple[str, int] | None:
            found = transport.get_extra_info(name)
            return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None

        plain = transport.get_extra_info("ssl_object") is None
        return cls(
            client=end("peername"), server=end("sockname"), scheme="http" if plain else "https"
        )

    @property
    def host(self) -> str:
        """Return the caller's address, empty where it is not known."""
        return str(self.client[0]) if self.client else ""

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

    def read_on(self) -> None:
        """Take more of the body."""
        ...

    def date(self) -> bytes:
        """Return the header that tells the time, empty before it is known."""
        ...

    def can_go_on(self, call: "Call") -> bool:
        """Tell whether another call may follow, however the body of this one ends."""
        ...

    def answered(self, call: "Call") -> None:
        """Go on after a complete answer."""
        ...


class Call:
    """Hand a call's body to the application and write its answer.

    The head of an answer is held until the body comes, for the two are one write and wake the
    client once; at the latest it is written in the next round of the loop, for the first event of
    a stream may be minutes away.
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

    async def serve(self, app: ASGIApp) -> None:
        """Have the application answer."""
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
            self._started = True
            self._held = self._head(message)
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

    def _head(self, message: Message) -> bytes:
        """Return status line and headers; decide how the body's end is told."""
        status: int = message["status"]
        parts = [b"HTTP/1.0 " if self._old else b"HTTP/1.1 ", STATUS_LINES[status]]
        date = self._connection.date()
        parts.append(date)
        measured = told = False
        lines = 2 + date.count(b"\n")
        for name, value in message.get("headers", ()):
            parts += (name, b": ", value, b"\r\n")
            lines += 1
            if name == b"content-length":
                self._left = int(value)
                measured = True
            elif name == b"connection":
                told = True
                if value.lower() == b"close":
                    self.keep_alive = False
        if not measured and self.scope["method"] != "HEAD" and status not in EMPTY:
            if self._old:
                # The end of the connection is the end of the body.
                self.keep_alive = False
                self._left = -1
            else:
                self._chunked = True
                parts.append(b"transfer-encoding: chunked\r\n")
                lines += 1
        if self.keep_alive and not self._connection.can_go_on(self):
            self.keep_alive = False
        self.awaits_continue = False
        if not told and (self._old or not self.keep_alive):
            parts.append(
                b"connection: keep-alive\r\n" if self.keep_alive else b"connection: close\r\n"
            )
            lines += 1
        parts.append(b"\r\n")
        head = b"".join(parts)
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            self._started = False
            raise RuntimeError("a header of the answer holds a line's end")
        return head
