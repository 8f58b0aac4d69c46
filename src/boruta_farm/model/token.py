"""Tokens: what a call proves its caller with. Only their hashes are kept."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Shown, Stored
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.permission import Scope

PREFIX = "boruta_"
"""Every token begins with it, so that scanners of repositories and logs find lost ones."""

LONGEST = 200
"""Characters; ours have some sixty."""

BYTE_ORDER_MARK = "\ufeff"

_WHOLE = re.compile(rf"{PREFIX}([a-z])_([A-Za-z0-9-]+)_[A-Za-z0-9_-]+")


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

    ``account`` is the id of whom it speaks for, ``account_name`` what that was called when the
    token was made. ``uses`` counts how often it can still be used, None
    without end. ``worker`` binds a JOIN token to one UUID. ``issuer`` is who made it.
    ``provider`` is by whose word it was made, where somebody signed in by one; ``refresh`` is what
    that provider is asked again with, sealed, and ``judged`` when it last vouched for the owner.
    """

    id: Annotated[str, Shown("ID", "never the secret"), Stored(key=True)]
    account: str
    account_name: Annotated[str, Shown("Account", "whom it speaks for")] = ""
    kind: Annotated[TokenKind, Shown("Kind", "what it is for")]
    scope: Annotated[Scope, Shown("Scope", "how much of the account's rights it carries")]
    name: Annotated[str, Shown("Name", "for people to read")]
    digest: str = field(repr=False)
    created: Annotated[datetime, Shown("Created", "when it was made")]
    expires: Annotated[datetime, Shown("Expires", "when it ends")]
    issuer: Annotated[str, Shown("Issuer", "who made it")]
    uses: Annotated[int | None, Shown("Uses", "how often it can still be used")] = None
    worker: Annotated[str | None, Shown("WorkerUUID", "the only board it lets in")] = None
    provider: Annotated[
        str, Shown("Provider", "by whose word it was made: a sign-in provider or workload rule")
    ] = ""
    refresh: bytes = field(default=b"", repr=False)
    judged: Annotated[
        datetime | None, Shown("Judged", "when its provider last vouched for the owner")
    ] = None


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


def check_token(text: str, place: str) -> str:
    """Return a token as it may be sent, out of what held it; ``place`` names that.

    Files and variables bring line ends, byte order marks and blanks around it, which are taken
    away. Raises ConfigError for anything else that no token has, never repeating the text.
    """
    token = text.strip(BYTE_ORDER_MARK).strip().strip(BYTE_ORDER_MARK)
    if not token:
        raise ConfigError(f"{place}: holds no token: it is empty")
    if len(token) > LONGEST:
        raise ConfigError(
            f"{place}: holds {len(token)} characters, which is no token: the longest have {LONGEST}"
        )
    if len(token.split()) > 1:
        raise ConfigError(
            f"{place}: holds a token with blanks or line ends inside; give the token alone, in "
            "one line"
        )
    if token[0] in "\"'" or token[-1] in "\"'":
        raise ConfigError(
            f"{place}: holds a token in quotes, which belong to it there; remove them"
        )
    for number, character in enumerate(token, 1):
        if not "!" <= character <= "~":
            name = unicodedata.name(character, "a control character")
            raise ConfigError(
                f"{place}: character {number} of the token is U+{ord(character):04X} ({name}), "
                "which no token has; copy the token anew"
            )
    return token


def conceal(text: str) -> str:
    """Return a text in which the secret part of every token is left out."""
    return _WHOLE.sub(rf"{PREFIX}\1_\2_...", text)


def compose(kind: TokenKind, number: str, random: str) -> str:
    """Return the text of a token from its id and random part."""
    return f"{PREFIX}{kind.value[0]}_{number}_{random}"


def token_id(secret: str) -> str | None:
    """Return the id inside a token's text, None when it is no token of ours."""
    if not secret.startswith(PREFIX) or len(secret) > LONGEST:
        return None
    parts = secret[len(PREFIX) :].split("_", 2)
    if len(parts) != 3 or not parts[2]:
        return None
    return parts[1]


def digest_of(secret: str) -> str:
    """Return what is kept of a token.

    One plain hash is enough: its input has 256 random bits, which no list of words holds.
    """
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def matches(secret: str, digest: str) -> bool:
    """Tell in constant time whether a secret is the one that left this digest."""
    return hmac.compare_digest(digest_of(secret), digest)
