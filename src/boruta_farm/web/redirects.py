"""Where the original sends callers who spell a path another way: always 308, any method."""

import re
from collections.abc import Callable
from html import escape
from urllib.parse import quote

from boruta_farm.web.calls import Answer, Header

API = "/api/"
PREFIX = "/api/v1/"

_SLASHES = re.compile(r"//+")
_SAFE = "/:@!$&'()*+,;=-._~"

HTML_TYPE: Header = (b"content-type", b"text/html; charset=utf-8")


def collapse(path: str) -> str:
    """Return a path with every run of slashes reduced to one."""
    return _SLASHES.sub("/", path) if "//" in path else path


def destination(path: str, known: Callable[[str], bool]) -> str | None:
    """Return the path to send a caller to, or None when there is nothing to send him to.

    ``known`` tells whether a path below the prefix is served under any method. Doubled slashes
    before and inside the prefix are cleaned; a path without the version gets it and loses its
    trailing slash; below the prefix a missing or surplus trailing slash is put right.
    """
    clean = collapse(path)
    if not clean.startswith(API):
        return None
    if not clean.startswith(PREFIX):
        rest = clean[len(API) :].removesuffix("/")
        return PREFIX + rest if rest else None
    if not path.startswith(PREFIX):
        return clean
    other = clean[:-1] if clean.endswith("/") else clean + "/"
    return other if known(other) else None


def redirect(method: str, path: str, query: bytes) -> Answer:
    """Answer with the new place, the query kept, and the few words Go adds for people."""
    location = quote(path, safe=_SAFE)
    if query:
        location += "?" + quote(query, safe=_SAFE + "?%")
    header: Header = (b"location", location.encode("ascii"))
    if method not in ("GET", "HEAD"):
        return Answer(status=308, headers=(header,))
    body = f'<a href="{escape(location)}">Permanent Redirect</a>.\n\n'
    return Answer(status=308, headers=(header, HTML_TYPE), body=body.encode("ascii"))
