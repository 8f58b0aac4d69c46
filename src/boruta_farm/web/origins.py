"""What pages of other sites may do: nothing, unless their origin is configured.

Where origins are configured the answers are those of the original, which allowed all.
"""

from urllib.parse import urlsplit

from starlette.types import Scope

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
    """Answer preflights, and tell the headers that browsers ask for, for the origins allowed."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed

    def preflight(self, scope: Scope) -> Answer | None:
        """Answer a preflight with 200 in any case; what is not allowed gets no headers.

        None for every other call, and where CORS is off.
        """
        asked = _header(scope, b"access-control-request-method")
        if not self._allowed or scope["method"] != "OPTIONS" or not asked:
            return None
        vary: Header = (
            b"vary",
            b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        )
        refused = Answer(status=200, headers=(vary,))
        origin = self._answer_to(_header(scope, b"origin"))
        method = asked.upper()
        wanted = _header(scope, b"access-control-request-headers") or ""
        names = [name.strip() for name in wanted.split(",") if name.strip()]
        if origin is None or method not in METHODS:
            return refused
        if any(name.lower() not in REQUEST_HEADERS for name in names):
            return refused
        headers: list[Header] = [
            vary,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", method.encode("ascii")),
            (b"access-control-max-age", MAX_AGE),
        ]
        if names:
            headers.append((b"access-control-allow-headers", ", ".join(names).encode("ascii")))
        return Answer(status=200, headers=tuple(headers))

    def headers(self, scope: Scope) -> tuple[Header, ...]:
        """Return what every answer to a call bears, nothing where CORS is off."""
        if not self._allowed:
            return ()
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
