"""Which web addresses images may come from: what begins as the admin's list says."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote, urlsplit

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
    if any(unquote(piece) in (".", "..") or "%2f" in piece.lower() for piece in path.split("/")):
        return None
    return (parts.scheme, parts.hostname, port), path
