"""What callers say in headers beside the body: waiting, and repeating a creation safely."""

import base64
import binascii
import re
from datetime import timedelta
from itertools import islice

from boruta_farm.web.calls import Call
from boruta_farm.web.errors import ParameterError

LONGEST_WAIT = 300
MOST_PREFERENCES = 20
"""What stands behind them is not looked at: a header may hold thirty thousand."""

_WAIT = re.compile(r'wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))\s*(?:;.*)?', re.ASCII | re.IGNORECASE)
_ANY_WAIT = re.compile(r"wait\s*(?:[=;]|$)", re.ASCII | re.IGNORECASE)
_KEY = re.compile(r"[!-~]{1,255}")


def wanted_wait(call: Call) -> timedelta | None:
    """Return how long a caller prefers to wait (RFC 7240), at most 300 s; None: not at all.

    The first ``wait`` counts; other preferences are ignored, as the RFC demands. Raises
    ParameterError for a ``wait`` that is no number: its sender would take the refusal that
    follows for one after the wait.
    """
    told = (part for line in call.headers(b"prefer") for part in line.split(",", MOST_PREFERENCES))
    for preference in map(str.strip, islice(told, MOST_PREFERENCES)):
        found = _WAIT.fullmatch(preference)
        if found:
            seconds = int(found[1] or found[2])
            return timedelta(seconds=min(seconds, LONGEST_WAIT))
        if _ANY_WAIT.match(preference):
            raise ParameterError(
                f"Prefer: {preference[:40]!r} tells no whole seconds; write wait=60"
            )
    return None


def idempotency_key(call: Call) -> str | None:
    """Return the caller's Idempotency-Key. Raises ParameterError for one that cannot be kept."""
    key = call.header(b"idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ParameterError("Idempotency-Key must be 1 to 255 visible ASCII characters")
    return key


def bearer(value: str | None) -> str | None:
    """Return the token of an Authorization header of the Bearer scheme, else None."""
    scheme, _, token = (value or "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token else None


def presented(value: str | None) -> str | None:
    """Return the token of an Authorization header of the Bearer or the Basic scheme, else None.

    Clients that know no tokens send Basic for ``http://name:TOKEN@host``: the password is the
    token. The name is not looked at, since a token belongs to one account.
    """
    scheme, _, credentials = (value or "").partition(" ")
    if scheme.lower() != "basic":
        return bearer(value)
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text.partition(":")[2].strip() or None


def takes_gzip(accepted: str) -> bool:
    """Tell whether an Accept-Encoding header allows gzip."""
    for part in accepted.split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "").rstrip("0.").lower() != "q="
    return False
