"""Which web addresses images may come from: what begins as the admin's list says."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote, urlsplit

DECODED: Final = 4
"""Times that a piece of a path may be encoded; no image's name is encoded twice."""

PORTS: Final = {"http": 80, "https": 443}


def is_address(word: str) -> bool:
    """Tell whether somebody means a web address, not a file."""
    return word.lower().startswith(("http://", "https://"))


def is_allowed(address: str, prefixes: Iterable[str]) -> bool:
    """Tell whether an address lies below one of the list's, as servers understand addresses."""
    asked = _parts(address)
    if asked is None:
        return False
    for prefix in prefixes:
        known = _parts(prefix)
        if known is None or known[0] != asked[0]:
            continue
        folder = known[1].rstrip("/") + "/"
        if asked[1].startswith(folder):
            return True
    return False


def _parts(address: str) -> tuple[tuple[str, str, int], str] | None:
    """Return server and path; None for what could be understood in two ways."""
    if not address.isascii() or not address.isprintable() or {" ", "\\"} & set(address):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc or parts.fragment:
        return None
    path = parts.path or "/"
    if any(map(_is_odd, path.split("/"))):
        return None
    return (parts.scheme, parts.hostname, port), path


def _is_odd(piece: str) -> bool:
    """Tell whether some server takes a piece of a path for more than one, or for a step upwards.

    Some decode twice, some take a backslash for a slash, some cut off what follows a semicolon.
    """
    plain = piece
    for _ in range(DECODED):
        if {"/", "\\"} & set(plain) or plain.partition(";")[0] in (".", ".."):
            return True
        plain, before = unquote(plain), plain
        if plain == before:
            return False
    return True
