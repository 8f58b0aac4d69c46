"""Cookies of browsers' sessions and of signing in: what they are called, how read and set."""

from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.types import Scope

LONGEST: Final = 8192
"""Bytes of cookies that are looked at."""

SESSION: Final = "session"
SIGN_IN: Final = "sign_in"
PROBLEM: Final = "problem"
LONGEST_WORDS: Final = 400


def session_of(scope: Scope) -> str | None:
    """Return the token in a call's session cookie, None where there is none."""
    return _read(scope, SESSION)


def _read(scope: Scope, what: str) -> str | None:
    for name, value in scope["headers"]:
        if name == b"cookie" and len(value) <= LONGEST:
            try:
                morsel = SimpleCookie(str(value, "latin-1")).get(_name(scope, what))
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


def kept_of(scope: Scope) -> str | None:
    """Return what a browser keeps while it is at a sign-in provider."""
    return _read(scope, SIGN_IN)


def kept_cookie(scope: Scope, kept: str, lasts: int) -> bytes:
    """Return the header that has a browser keep this while it is at a provider; 0 forgets it.

    Lax, since it is a page of the provider's that sends the browser back. No script reads it.
    """
    secure = "; Secure" if _encrypted(scope) else ""
    name = _name(scope, SIGN_IN)
    text = f"{name}={kept}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax{secure}"
    return text.encode("ascii")


def problem_cookie(scope: Scope, words: str) -> bytes:
    """Return the header by which the page hears why somebody was not signed in.

    An address would let others put words into the farm's mouth. It is for the page's script, and
    gone after a minute.
    """
    secure = "; Secure" if _encrypted(scope) else ""
    told = quote(words[:LONGEST_WORDS], safe="")
    name = _name(scope, PROBLEM)
    return f"{name}={told}; Path=/; Max-Age=60; SameSite=Strict{secure}".encode("ascii")


def _name(scope: Scope, what: str = SESSION) -> str:
    """Return the cookie's name: browsers do not tell farms on two ports of one host apart.

    Over TLS they hold what is called so to this host, to TLS, and to no part of its pages.
    """
    host = next((str(value, "latin-1") for name, value in scope["headers"] if name == b"host"), "")
    try:
        port = urlsplit(f"//{host}").port
    except ValueError:
        port = None
    prefix = "__Host-" if _encrypted(scope) else ""
    return f"{prefix}boruta_{what}_{port}" if port else f"{prefix}boruta_{what}"


def _encrypted(scope: Scope) -> bool:
    return scope["scheme"] in ("https", "wss")
