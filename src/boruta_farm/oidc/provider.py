"""One provider of people: the ways in by it, each ending with claims that are proved.

The code flow with PKCE (RFC 6749, 7636, OpenID Connect Core 3.1), the device flow (RFC 8628), and
asking again by refresh token. How messages are written is Authlib's; what is believed is ``proof``.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from boruta_farm.model.errors import ProviderUnreachableError, SignInRefusedError
from boruta_farm.model.sign_in import Identified
from boruta_farm.oidc.claims import identified, is_known
from boruta_farm.oidc.fetching import parse_object, unreachable_told
from boruta_farm.oidc.issuer import Issuer
from boruta_farm.oidc.proof import check_nonce, check_party, proved
from boruta_farm.oidc.settings import ProviderSettings

DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
PENDING: Final = "authorization_pending"
SLOWER: Final = "slow_down"
USUAL_INTERVAL: Final = 5
"""Seconds between two questions where the provider names none (RFC 8628, 3.2)."""
LONGEST_INTERVAL: Final = 60
LONGEST_WAIT: Final = 1800
"""Seconds for which a code can be confirmed, whatever the provider says."""
LONGEST_WORD: Final = 4096
RANDOM_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Carry what a browser keeps while it is at the provider: what must come back with it."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """Carry who somebody is by a provider's word, and what it can be asked again with."""

    person: Identified
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """Carry a provider's answer to a program without a browser; times are in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    address: str
    complete: str
    interval: int
    lasts: int


class NotYetError(SignInRefusedError):
    """the sign-in is not confirmed yet"""

    def __init__(self, slower: bool) -> None:
        super().__init__()
        self.slower = slower


class GoneError(SignInRefusedError):
    """the provider does not vouch for this sign-in any more"""


class Provider:
    """Talk to one provider for the farm."""

    def __init__(
        self, name: str, settings: ProviderSettings, secret: str, issuer: Issuer, callback: str
    ) -> None:
        self.name = name
        self.settings = settings
        self.issuer = issuer
        self._secret = secret
        self._callback = callback

    async def depart(self) -> tuple[str, Attempt]:
        """Return where a browser goes, and what it must bring back."""
        metadata = await self.issuer.metadata()
        attempt = Attempt(
            state=secrets.token_urlsafe(RANDOM_BYTES),
            nonce=secrets.token_urlsafe(RANDOM_BYTES),
            verifier=secrets.token_urlsafe(RANDOM_BYTES),
        )
        if not metadata.authorization_endpoint:
            raise ProviderUnreachableError(f"{self.issuer.url} names no authorization_endpoint")
        address = prepare_grant_uri(
            metadata.authorization_endpoint,
            client_id=self.settings.client_id,
            response_type="code",
            redirect_uri=self._callback,
            scope=self._scope,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
            # Without it, some providers give a refresh token to nobody (OpenID Connect Core, 11).
            prompt="consent" if "offline_access" in self.settings.scopes else None,
        )
        return str(address), attempt

    async def arrive(self, attempt: Attempt, told: Mapping[str, str], now: datetime) -> KnownPerson:
        """Return who came back. Raises SignInRefusedError."""
        if not hmac.compare_digest(told.get("state", "").encode(), attempt.state.encode()):
            raise SignInRefusedError("this answer belongs to another sign-in (state); begin anew")
        metadata = await self.issuer.metadata()
        named = told.get("iss")
        if (named is None and metadata.names_itself) or named not in (None, self.issuer.url):
            raise SignInRefusedError("this answer is another provider's (iss); begin anew")
        if (wrong := told.get("error")) is not None:
            raise SignInRefusedError(f"{self.name} did not sign you in ({_word(wrong)})")
        code = told.get("code", "")
        if not 0 < len(code) <= LONGEST_WORD:
            raise SignInRefusedError(f"{self.name} sent no code; begin anew")
        answer = await self._grant(
            "authorization_code",
            redirect_uri=self._callback,
            code=code,
            code_verifier=attempt.verifier,
        )
        claims = await self._claims(answer, now)
        check_nonce(claims, attempt.nonce)
        return await self._vouched(answer, claims)

    async def begin_device(self) -> DeviceCode:
        """Return a code that somebody confirms in a browser. Raises SignInRefusedError."""
        metadata = await self.issuer.metadata()
        if not (self.settings.device and metadata.device_authorization_endpoint):
            raise SignInRefusedError(
                f"{self.name} offers no codes to confirm (device flow); sign in by the page, or "
                "paste a token"
            )
        body = urlencode({"scope": self._scope})
        answer = await self._post(metadata.device_authorization_endpoint, body)
        _check_good(answer, self.name)
        address = _text(answer, "verification_uri")
        complete = _text(answer, "verification_uri_complete")
        for one in (address, complete):
            if one and not one.startswith(("https://", "http://")):
                raise ProviderUnreachableError(f"{self.issuer.url} names no address to confirm at")
        return DeviceCode(
            device_code=_needed(answer, "device_code", self.name),
            user_code=_needed(answer, "user_code", self.name),
            address=address,
            complete=complete,
            interval=min(max(1, _whole(answer, "interval", USUAL_INTERVAL)), LONGEST_INTERVAL),
            lasts=min(max(1, _whole(answer, "expires_in", LONGEST_WAIT)), LONGEST_WAIT),
        )

    async def ask_device(self, device_code: str, now: datetime) -> KnownPerson:
        """Return who has confirmed the code. Raises NotYetError, SignInRefusedError."""
        answer = await self._grant(DEVICE_CODE, device_code=device_code)
        return await self._vouched(answer, await self._claims(answer, now))

    async def ask_again(self, refresh: str, subject: str, now: datetime) -> KnownPerson:
        """Return what the provider says now of somebody who is signed in by it.

        Raises GoneError when it does not vouch for the sign-in any more, SignInRefusedError for a
        person that the farm does not let in any more.
        """
        answer = await self._grant("refresh_token", refresh_token=refresh)
        if "id_token" in answer:
            claims = dict(await self._claims(answer, now))
        else:
            claims = dict(await self.issuer.userinfo(_needed(answer, "access_token", self.name)))
        if claims.get("sub") != subject:
            raise GoneError(f"{self.name} vouches for somebody else now")
        found = await self._vouched(answer, claims)
        return KnownPerson(person=found.person, refresh=found.refresh or refresh)

    @property
    def _scope(self) -> str:
        return " ".join(dict.fromkeys(("openid", *self.settings.scopes)))

    async def _claims(self, answer: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        token = _needed(answer, "id_token", self.name)
        claims = await proved(self.issuer, token, (self.settings.client_id,), now)
        check_party(claims, self.settings.client_id)
        return claims

    async def _vouched(self, answer: Mapping[str, Any], claims: Mapping[str, Any]) -> KnownPerson:
        """Return who the claims mean, with what the provider tells of him beside them."""
        access = _text(answer, "access_token")
        if access and not is_known(claims, self.settings):
            more = await self.issuer.userinfo(access)
            if more and more.get("sub") != claims["sub"]:
                # OpenID Connect Core 5.3.2: else another's claims would be taken for his.
                raise SignInRefusedError(f"{self.name} tells of two people at once (sub)")
            claims = {**more, **claims}
        person = identified(self.name, self.settings, claims)
        return KnownPerson(person=person, refresh=_text(answer, "refresh_token"))

    async def _grant(self, kind: str, **told: str) -> Mapping[str, Any]:
        metadata = await self.issuer.metadata()
        if not metadata.token_endpoint:
            raise ProviderUnreachableError(f"{self.issuer.url} names no token_endpoint")
        answer = await self._post(metadata.token_endpoint, prepare_token_request(kind, **told))
        _check_good(answer, self.name)
        return answer

    async def _post(self, url: str, body: str) -> Mapping[str, Any]:
        metadata = await self.issuer.metadata()
        method = "client_secret_basic" if metadata.basic else "client_secret_post"
        auth = ClientAuth(self.settings.client_id, self._secret, method if self._secret else "none")
        headers = {
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
        }
        url, headers, body = auth.prepare("POST", url, headers, body)
        async with unreachable_told(self.issuer.url):
            response = await self.issuer.http.post(url, content=body, headers=headers)
        if response.status_code >= 500 or response.is_redirect:
            raise ProviderUnreachableError(f"{self.issuer.url} answers {response.status_code}")
        return parse_object(response.content, f"the answer of {self.issuer.url}")


def until(code: DeviceCode, now: datetime) -> datetime:
    """Return when it is too late to confirm a code."""
    return now + timedelta(seconds=code.lasts)


def _check_good(answer: Mapping[str, Any], name: str) -> None:
    wrong = answer.get("error")
    if wrong is None:
        return
    if wrong in (PENDING, SLOWER):
        raise NotYetError(slower=wrong == SLOWER)
    if wrong == "invalid_grant":
        raise GoneError(f"{name} takes this sign-in for over (invalid_grant); begin anew")
    raise SignInRefusedError(f"{name} did not sign you in ({_word(wrong)})")


def _word(told: object) -> str:
    """Return an error's name of RFC 6749 as it may be shown: anybody can write one."""
    text = str(told)[:60]
    return text if text.replace("_", "").isalnum() and text.isascii() else "for no reason it told"


def _text(answer: Mapping[str, Any], key: str) -> str:
    """Return a token, code or address, empty where there is none (RFC 6749, A; RFC 8628, 3.2)."""
    found = answer.get(key)
    if not isinstance(found, str) or len(found) > LONGEST_WORD * 4:
        return ""
    return found if found.isascii() and found.isprintable() else ""


def _needed(answer: Mapping[str, Any], key: str, name: str) -> str:
    found = _text(answer, key)
    if not found:
        raise ProviderUnreachableError(f"{name} answers without {key}")
    return found


def _whole(answer: Mapping[str, Any], key: str, usual: int) -> int:
    found = answer.get(key, usual)
    return found if isinstance(found, int) and not isinstance(found, bool) else usual
