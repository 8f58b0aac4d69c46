"""Headers that keep browsers from guessing, caching, framing and telling others."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boruta_farm.web.calls import Header

ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""Right for an API; a page that needs more says so itself, and its own header stays."""

ENCRYPTED: Final[Header] = (
    b"strict-transport-security",
    b"max-age=31536000; includeSubDomains",
)
"""A browser that was here over TLS shall not come back without it."""


class Hardened:
    """Wrap an application: every answer bears these headers, unless it has them already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = (*ALWAYS, ENCRYPTED) if scope["scheme"] == "https" else ALWAYS

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name for name, _ in given}
                missing = [header for header in wanted if header[0] not in names]
                message["headers"] = [*given, *missing]
            await send(message)

        await self._app(scope, receive, send_hardened)
