"""Whether a signed token (JWT) is what it seems: its signature, issuer, audience and times.

The rules are those of OpenID Connect Core 3.1.3.7 and of RFC 8725. Pure but for the keys.
"""

import hmac
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from boruta_farm.model.errors import SignInRefusedError
from boruta_farm.oidc.fetching import check_texts
from boruta_farm.oidc.issuer import Issuer

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Those with two keys: with one, whoever may check a token may make one."""

LEEWAY: Final = 60
"""Seconds by which clocks of others may differ from ours."""
LATEST: Final = 2.0**53
"""Seconds of a time, NaN aside: with larger whole numbers, which JSON may hold, nothing reckons."""
LONGEST: Final = 16_384
"""Characters of a token."""
LONGEST_SUBJECT: Final = 255
TYPES: Final = frozenset({"", "jwt", "application/jwt", "id_token+jwt"})
"""What else is signed with the same keys, such as access tokens (at+jwt), proves no identity."""

REGISTRY: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)


class UnknownKeyError(SignInRefusedError):
    """a token is signed with a key that its issuer does not publish"""


async def proved(
    issuer: Issuer, token: str, audiences: Collection[str], now: datetime
) -> Mapping[str, Any]:
    """Return the claims of a token of this issuer for one of these audiences.

    A key that is not known yet is looked for anew. Raises SignInRefusedError, and
    ProviderUnreachableError where the keys cannot be had.
    """
    keys = await issuer.keys()
    try:
        return claims_of(token, keys, issuer.url, audiences, now)
    except UnknownKeyError:
        fresh = await issuer.keys(unlike=keys)
        if fresh is keys:
            raise
    return claims_of(token, fresh, issuer.url, audiences, now)


def claims_of(
    token: str, keys: KeySet, issuer: str, audiences: Collection[str], now: datetime
) -> Mapping[str, Any]:
    """Return the claims of a signed token, or raise SignInRefusedError."""
    if len(token) > LONGEST or not token.isascii() or token.count(".") != 2:
        raise SignInRefusedError("this is no signed token (JWT)")
    try:
        found = jwt.decode(token, keys, registry=REGISTRY)
        check_texts(found.claims)
    except (BadSignatureError, InvalidKeyIdError) as error:
        # A key may have been changed under its name.
        raise UnknownKeyError(
            f"the token is not signed with a key that {issuer} publishes"
        ) from error
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SignInRefusedError(f"the token cannot be checked: {_reason(error)}") from error
    kind = found.header.get("typ", "")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise SignInRefusedError(f"a token of the type {kind!r} proves no identity")
    claims = found.claims
    if claims.get("iss") != issuer:
        raise SignInRefusedError(f"the token is not of {issuer}")
    if not is_for(claims, audiences):
        raise SignInRefusedError(f"the token is not for {' or '.join(sorted(audiences))} (aud)")
    _check_times(claims, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_subject(subject):
        raise SignInRefusedError("the token names nobody (sub)")
    return claims


def check_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    """Refuse a token that was made for another sign-in. Raises SignInRefusedError."""
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise SignInRefusedError("the token was made for another sign-in (nonce)")


def check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Refuse a token that was issued to another program, if for us too.

    Raises SignInRefusedError.
    """
    party, audience = claims.get("azp"), claims.get("aud")
    several = isinstance(audience, list) and len(audience) > 1
    if (party is not None or several) and party != client_id:
        raise SignInRefusedError("the token was issued to another program (azp)")


def is_for(claims: Mapping[str, Any], audiences: Collection[str]) -> bool:
    """Tell whether a token is for one of these, none of which is empty."""
    told = claims.get("aud")
    named = told if isinstance(told, list) else [told]
    return any(one and one in named for one in audiences)


def _is_subject(text: str) -> bool:
    return 0 < len(text) <= LONGEST_SUBJECT and text.isascii() and text.isprintable()


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    at = now.timestamp()
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    begins = _time(claims, "nbf", needed=False)
    if expires + LEEWAY <= at:
        raise SignInRefusedError("the token has expired (exp)")
    if issued - LEEWAY > at or (begins is not None and begins - LEEWAY > at):
        raise SignInRefusedError(
            "the token lies in the future (iat, nbf); see that the server's clock is right"
        )


def _time(claims: Mapping[str, Any], key: str, *, needed: bool = True) -> Any:
    told = claims.get(key)
    if told is None and not needed:
        return None
    if isinstance(told, bool) or not isinstance(told, int | float) or not abs(told) < LATEST:
        raise SignInRefusedError(f"the token has no time {key!r}")
    return told


def _reason(error: Exception) -> str:
    """Return a library's short word for what is wrong, never a part of the token."""
    return getattr(error, "error", "") or type(error).__name__
