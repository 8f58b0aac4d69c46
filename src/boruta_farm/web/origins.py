"""What pages of other sites may do: nothing, unless their origin is configured.

Where origins are configured the answers are those of the original, which allowed all.
"""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boruta_farm.web.calls import Answer, Header
from boruta_farm.web.errors import OriginError

METHODS = ("GET", "HEAD", "POST")
REQUEST_HEADERS = frozenset(
    {"content-type", "origin", "accept", "idempotency-key", "prefer", "last-event-id"}
)
EXPOSED = (
    b"Boruta-List-Total, Boruta-List-Remaining, Boruta-Request-State, Boruta-List-Batch-Size, "
    b"Boruta-Job-Timeout, Boruta-Worker-State, Boruta-Server-Version, Boruta-Api-Version, "
    b"Boruta-Api-State"
)
MAX_AGE = b"86400"


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


def check_origin(scope: Scope, allowed: tuple[str, ...]) -> None:
    """Refuse a change that a page of another site makes a browser send.

    Programs send no Origin; browsers do, with everything but plain reading. Raises OriginError.
    """
    origin = _header(scope, b"origin")
    if origin is None or "*" in allowed or origin in allowed:
        return
    check_own_page(scope)


def check_own_page(scope: Scope) -> None:
    """Refuse whatever does not come from a page of this server. Raises OriginError.

    For what a session's cookie admits, whichever origins may use the API with tokens: a page on
    another port of this host is of the same site, and a browser sends the cookie along. Where the
    call came over TLS, so did the page: another one may be anybody's who is on the way.
    """
    origin = urlsplit(_header(scope, b"origin") or "")
    if origin.netloc.lower() != (_header(scope, b"host") or "").lower():
        raise OriginError
    if scope["scheme"] in ("https", "wss") and origin.scheme != "https":
        raise OriginError


class Cors:
    """Wrap an application: answer preflights and add the headers that browsers ask for."""

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method"):
            answer = self._preflight(scope)
            await send(
                {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
            )
            await send({"type": "http.response.body", "body": answer.body})
            return
        extra = self._actual(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _preflight(self, scope: Scope) -> Answer:
        """Answer 200 in any case; what is not allowed gets no headers."""
        vary: Header = (
            b"vary",
            b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        )
        length: Header = (b"content-length", b"0")
        refused = Answer(status=200, headers=(vary, length))
        origin = self._answer_to(_header(scope, b"origin"))
        method = (_header(scope, b"access-control-request-method") or "").upper()
        wanted = _header(scope, b"access-control-request-headers") or ""
        names = [name.strip() for name in wanted.split(",") if name.strip()]
        if origin is None or method not in METHODS:
            return refused
        if any(name.lower() not in REQUEST_HEADERS for name in names):
            return refused
        headers: list[Header] = [
            vary,
            length,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", method.encode("ascii")),
            (b"access-control-max-age", MAX_AGE),
        ]
        if names:
            headers.append((b"access-control-allow-headers", ", ".join(names).encode("ascii")))
        return Answer(status=200, headers=tuple(headers))

    def _actual(self, scope: Scope) -> tuple[Header, ...]:
        vary: Header = (b"vary", b"Origin")
        origin = self._answer_to(_header(scope, b"origin"))
        if origin is None:
            return (vary,)
        return (
            vary,
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", EXPOSED),
        )

    def _answer_to(self, origin: str | None) -> bytes | None:
        if not origin:
            return None
        if "*" in self._allowed:
            return b"*"
        return origin.encode("latin-1") if origin in self._allowed else None
