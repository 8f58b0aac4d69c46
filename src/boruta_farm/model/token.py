"""Tokens: what a call proves its caller with. Only their hashes are kept."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Shown, Stored
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

    id: Annotated[str, Shown("ID", "never the secret"), Stored(key=True)]
    account: Annotated[str, Shown("Account", "whom it speaks for")]
    kind: Annotated[TokenKind, Shown("Kind", "what it is for")]
    scope: Annotated[Scope, Shown("Scope", "how much of the account's rights it carries")]
    name: Annotated[str, Shown("Name", "for people to read")]
    digest: str = field(repr=False)
    created: Annotated[datetime, Shown("Created", "when it was made")]
    expires: Annotated[datetime, Shown("Expires", "when it ends")]
    issuer: Annotated[str, Shown("Issuer", "who made it")]
    uses: Annotated[int | None, Shown("Uses", "how often it can still be used")] = None
    worker: Annotated[str | None, Shown("WorkerUUID", "the only board it lets in")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """Carry what a token is wanted for; a ``lifetime`` of None is the longest allowed."""

    account: Annotated[str, Shown("Account", "whose; the caller's own if not given")] = ""
    kind: Annotated[TokenKind, Shown("Kind", "what it is for")] = TokenKind.PERSONAL
    scope: Annotated[Scope, Shown("Scope", "how much it carries")] = Scope.REQUEST
    name: Annotated[str, Shown("Name", "for people to read")] = ""
    lifetime: Annotated[timedelta | None, Shown("Lifetime", "the longest if not given")] = None
    uses: Annotated[int | None, Shown("Uses", "how often it can be used")] = None
    worker: Annotated[str | None, Shown("WorkerUUID", "the only board it lets in")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Carry a fresh token and, this once, its secret text."""

    secret: Annotated[str, Shown("Secret", "shown this once")] = field(repr=False)
    token: Annotated[Token, Shown("Token")]


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
