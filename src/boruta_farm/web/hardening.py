"""Headers that keep browsers from guessing, caching, framing and telling others."""

from functools import lru_cache
from typing import Final

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


@lru_cache(256)
def hardened(headers: tuple[Header, ...], *, encrypted: bool) -> tuple[Header, ...]:
    """Return an answer's headers with these, unless it has them already.

    Kept, since nearly all answers bear one of a few lists of headers, and to look one up costs less
    than to put it together.
    """
    wanted = (*ALWAYS, ENCRYPTED) if encrypted else ALWAYS
    names = {name for name, _ in headers}
    return (*headers, *(header for header in wanted if header[0] not in names))
