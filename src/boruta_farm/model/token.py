"""Tokens: what a call proves its caller with. Only their hashes are kept."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Stored
from boruta_farm.model.permission import Scope

PREFIX = "boruta_"
"""Every token begins with it, so that scanners of repositories and logs find lost ones."""


class TokenKind(StrEnum):
    """What a token is for; the value's first letter follows the prefix.

    ONCE is exchanged for a personal token by signing in, and used up by that. JOIN lets boards'
    agents enrol.
    """

    PERSONAL = "personal"
    SERVICE = "service"
    ONCE = "once"
    JOIN = "join"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Record one token: ``digest`` is all that is kept of its secret.

    ``account`` is whom it speaks for. ``uses`` counts how often it can still be used, None
    without end. ``worker`` binds a JOIN token to one UUID. ``issuer`` is who made it.
    """

    id: Annotated[str, Stored(key=True)]
    account: str
    kind: TokenKind
    scope: Scope
    name: str
    digest: str = field(repr=False)
    created: datetime
    expires: datetime
    issuer: str
    uses: int | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """Carry what a token is wanted for; a ``lifetime`` of None is the longest allowed."""

    account: str
    kind: TokenKind
    scope: Scope
    name: str = ""
    lifetime: timedelta | None = None
    uses: int | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Carry a fresh token and, this once, its secret text."""

    token: Token
    secret: str = field(repr=False)


def compose(kind: TokenKind, number: str, random: str) -> str:
    """Return the text of a token from its id and random part."""
    return f"{PREFIX}{kind.value[0]}_{number}_{random}"


def token_id(secret: str) -> str | None:
    """Return the id inside a token's text, None when it is no token of ours."""
    if not secret.startswith(PREFIX) or len(secret) > 200:
        return None
    parts = secret[len(PREFIX) :].split("_", 2)
    if len(parts) != 3 or not parts[2]:
        return None
    return parts[1]


def digest_of(secret: str) -> str:
    """Return what is kept of a token.

    One plain hash is enough: its input has 256 random bits, which no list of words holds.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, digest: str) -> bool:
    """Tell in constant time whether a secret is the one that left this digest."""
    return hmac.compare_digest(digest_of(secret), digest)
