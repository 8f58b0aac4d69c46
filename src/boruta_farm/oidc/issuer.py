"""One issuer: what it publishes of itself, and the keys that it signs with, as fresh as needed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, KeySet, OKPKey, RSAKey

from boruta_farm.clock import Clock
from boruta_farm.model.addresses import is_loopback
from boruta_farm.model.errors import ProviderUnreachableError
from boruta_farm.oidc.fetching import BoundedTransport, fetch_object

KEPT: Final = 3600.0
"""Seconds for which what an issuer publishes is believed: a key it takes back counts no longer."""
ANEW: Final = 30.0
"""Seconds between two looks for a key that is not there: a signer may change it at any time, but
tokens that name no key must not make us ask at every call."""
AFTER_FAILURE: Final = 5.0
"""Seconds for which an issuer that failed is not asked again."""
MOST_KEYS: Final = 100
LONGEST_ADDRESS: Final = 2000

SHORTEST_MODULUS: Final = 340
"""Characters in base64 of an RSA key of 2048 bits, less what its leading zeros may save."""

SIGNING: Final = (RSAKey, ECKey, OKPKey)
"""Kinds of keys whose public half proves nothing but what it has checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Carry what an issuer publishes (OpenID Connect Discovery, RFC 8414); empty: nothing."""

    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    device_authorization_endpoint: str = ""
    names_itself: bool = False
    """It tells who it is in its answers (RFC 9207)."""
    basic: bool = True
    """It takes the client's secret by HTTP Basic."""


class Issuer:
    """Tell an issuer's metadata and keys, from memory while they are fresh.

    What is kept is a cache: every server of a farm has its own. ``network`` is the way there.
    """

    def __init__(self, url: str, clock: Clock, network: httpx.AsyncBaseTransport) -> None:
        self.url = url
        self.http = httpx.AsyncClient(
            transport=BoundedTransport(network), follow_redirects=False, trust_env=False
        )
        """For whoever has more to ask there."""
        self._clock = clock
        self._metadata: Metadata | None = None
        self._metadata_at = 0.0
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        self._failed_at: float | None = None
        self._failure = ""
        self._asking = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """Return what the issuer publishes of itself. Raises ProviderUnreachableError."""
        async with self._asking:
            return await self._fresh_metadata()

    async def keys(self, unlike: KeySet | None = None) -> KeySet:
        """Return the keys, read anew if they are ``unlike`` what would do and may have changed.

        Raises ProviderUnreachableError.
        """
        async with self._asking:
            now = self._clock.monotonic()
            age = now - self._keys_at
            tried = unlike is not None and unlike is self._keys and age >= ANEW
            if self._keys is not None and age < KEPT and not tried:
                return self._keys
            metadata = await self._fresh_metadata()
            found = await self._ask(metadata.jwks_uri)
            self._keys = _key_set(found, self.url)
            self._keys_at = now
            return self._keys

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Return what the issuer tells of whose access token this is; empty where it tells none.

        Raises ProviderUnreachableError.
        """
        metadata = await self.metadata()
        if not metadata.userinfo_endpoint:
            return {}
        return await fetch_object(
            self.http, metadata.userinfo_endpoint, self.url, bearer=access_token
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.http.aclose()

    async def _fresh_metadata(self) -> Metadata:
        now = self._clock.monotonic()
        if self._metadata is None or now - self._metadata_at >= KEPT:
            place = f"{self.url.rstrip('/')}/.well-known/openid-configuration"
            self._metadata = _metadata(await self._ask(place), self.url)
            self._metadata_at = now
        return self._metadata

    async def _ask(self, url: str) -> dict[str, Any]:
        now = self._clock.monotonic()
        if self._failed_at is not None and now - self._failed_at < AFTER_FAILURE:
            raise ProviderUnreachableError(self._failure)
        try:
            found = await fetch_object(self.http, url, self.url)
        except ProviderUnreachableError as error:
            self._failed_at, self._failure = now, error.message
            raise
        self._failed_at = None
        return found


def _metadata(told: Mapping[str, Any], issuer: str) -> Metadata:
    """Return what is needed of a discovery document.

    It must name the very issuer that was asked: else it is another's (mix-up).
    """
    if told.get("issuer") != issuer:
        raise ProviderUnreachableError(
            f"what calls itself {str(told.get('issuer'))[:200]!r} answers for {issuer}; write the "
            "issuer to the letter as the provider does"
        )
    methods = told.get("token_endpoint_auth_methods_supported")
    return Metadata(
        jwks_uri=_endpoint(told, "jwks_uri", issuer, needed=True),
        authorization_endpoint=_endpoint(told, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(told, "token_endpoint", issuer),
        userinfo_endpoint=_endpoint(told, "userinfo_endpoint", issuer),
        device_authorization_endpoint=_endpoint(told, "device_authorization_endpoint", issuer),
        names_itself=told.get("authorization_response_iss_parameter_supported") is True,
        basic=not isinstance(methods, list) or "client_secret_basic" in methods,
    )


def _endpoint(told: Mapping[str, Any], key: str, issuer: str, *, needed: bool = False) -> str:
    """Return an address that an issuer names: as well protected on the way as itself."""
    found = told.get(key, "")
    if not found and not needed:
        return ""
    if not isinstance(found, str) or not _is_protected(found, issuer):
        raise ProviderUnreachableError(f"{issuer} names no {key} that can be used")
    return found


def _is_protected(url: str, issuer: str) -> bool:
    """Tell whether an address is one of https, or of this very machine like its issuer's."""
    if len(url) > LONGEST_ADDRESS or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        # What asks there reads addresses by rules of its own.
        reachable = bool(parts.hostname and httpx.URL(url).host) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        return False
    near = parts.scheme == urlsplit(issuer).scheme == "http" and is_loopback(parts.hostname)
    return reachable and (parts.scheme == "https" or near)


def _key_set(told: Mapping[str, Any], issuer: str) -> KeySet:
    """Return the keys of a JWKS that sign; what is secret, or of a kind we do not know, is none."""
    listed = told.get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ProviderUnreachableError(f"{issuer} publishes no list of up to {MOST_KEYS} keys")
    found: list[Key] = []
    for one in listed:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or "d" in one:
            continue
        if one.get("kty") == "RSA" and len(str(one.get("n", ""))) < SHORTEST_MODULUS:
            continue
        try:
            key = JWKRegistry.import_key(one)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, SIGNING):
            found.append(key)
    if not found:
        raise ProviderUnreachableError(f"{issuer} publishes no key that can be used")
    return KeySet(found)
