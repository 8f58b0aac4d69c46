"""Where somebody is told of what happens to his requests: an address that takes signed messages."""

import base64
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlsplit

from boruta_farm.model.declared import Shown

LONGEST: Final = 2000
SECRET_PREFIX: Final = "whsec_"
"""How signing secrets are written (standardwebhooks.com); base64 follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Tell the caller's own webhook, and by which secret its messages are signed."""

    url: Annotated[str, Shown("URL", "where it is told; empty: nowhere")]
    secret: Annotated[str, Shown("Secret", "what signs the messages")] = field(repr=False)


def purpose_of(account: str) -> str:
    """Return for what the farm's secret is drawn on to make an account's own (by its id)."""
    return f"webhook of {account}"


def secret_text(secret: bytes) -> str:
    """Return a signing secret as people and libraries write it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def read_secret(text: str) -> bytes:
    """Return a signing secret from how it is written. Raises ValueError, which repeats nothing."""
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith(SECRET_PREFIX) or not 24 <= len(secret) <= 64:
        raise ValueError(
            "is no signing secret: write whsec_ and base64 of 24 to 64 random bytes, as this does: "
            "echo whsec_$(openssl rand -base64 32)"
        )
    return secret


def fault_of(url: str) -> str | None:
    """Say why an address can be no webhook, None where it can."""
    if len(url) > LONGEST:
        return f"an address of {len(url)} characters is too long for a webhook"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "a webhook's address holds printable ASCII characters alone"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"this is no address for a webhook: {error}"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "a webhook's address is written https://HOST/PATH"
    if parts.username is not None or parts.password is not None:
        return "a webhook's address must hold neither user nor password"
    return None
