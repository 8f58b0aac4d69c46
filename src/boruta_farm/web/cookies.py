"""The cookie of a browser's session: what it is called, how it is read and set."""

from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

LONGEST: Final = 8192
"""Bytes of cookies that are looked at."""


def session_of(scope: Scope) -> str | None:
    """Return the token in a call's session cookie, None where there is none."""
    for name, value in scope["headers"]:
        if name == b"cookie" and len(value) <= LONGEST:
            try:
                morsel = SimpleCookie(str(value, "latin-1")).get(_name(scope))
            except CookieError:
                continue
            if morsel is not None and morsel.value:
                return morsel.value
    return None


def session_cookie(scope: Scope, secret: str, lasts: int) -> bytes:
    """Return the header that sets the session's cookie for so many seconds; 0 forgets it.

    No script reads it, and no page of another site makes a browser send it.
    """
    secure = "; Secure" if _encrypted(scope) else ""
    text = f"{_name(scope)}={secret}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Strict{secure}"
    return text.encode("ascii")


def _name(scope: Scope) -> str:
    """Return the cookie's name: browsers do not tell farms on two ports of one host apart.

    Over TLS they hold what is called so to this host, to TLS, and to no part of its pages.
    """
    host = next((str(value, "latin-1") for name, value in scope["headers"] if name == b"host"), "")
    try:
        port = urlsplit(f"//{host}").port
    except ValueError:
        port = None
    prefix = "__Host-" if _encrypted(scope) else ""
    return f"{prefix}boruta_session_{port}" if port else f"{prefix}boruta_session"


def _encrypted(scope: Scope) -> bool:
    return scope["scheme"] in ("https", "wss")
