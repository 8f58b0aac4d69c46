"""What a signed token must be to be believed: attacks of RFC 8725, one each."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import KeySet

from boruta_farm.model.errors import SignInRefusedError
from boruta_farm.oidc.issuer import Issuer
from boruta_farm.oidc.proof import check_nonce, check_party, claims_of, proved
from tests.oidc.issuing import CLIENT, ISSUER, Issuing, key
from tests.store.making import HandClock


@dataclass(frozen=True)
class Case:
    """A token that is not to be believed, and the word that the refusal has for it."""

    make: Callable[[Issuing], str]
    word: str


def headed(**header: object) -> Callable[[Issuing], str]:
    def make(issuing: Issuing) -> str:
        issuing.header = header
        return issuing.sign()

    return make


def unsigned(header: dict[str, Any], issuing: Issuing) -> str:
    claims = issuing.sign().split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return f"{head}.{claims}."


def by_public_key(issuing: Issuing) -> str:
    """Sign by HMAC with the public key as secret: who takes any algorithm believes it."""
    secret = issuing.signing.as_pem(private=False)
    signed = unsigned({"alg": "HS256", "kid": "k1"}, issuing).rstrip(".")
    mark = hmac.digest(secret, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


def swapped(issuing: Issuing) -> str:
    """Sign with one's own key under the name of the issuer's."""
    issuing.signing = key()
    return issuing.sign()


def bringing_its_key(issuing: Issuing) -> str:
    own = key("own")
    issuing.signing = own
    issuing.header = {"jwk": own.as_dict(private=False), "jku": "https://evil.example/jwks"}
    return issuing.sign()


def changed(issuing: Issuing) -> str:
    head, _, signature = issuing.sign().split(".")
    other = base64.urlsafe_b64encode(json.dumps({"sub": "root"}).encode()).decode().rstrip("=")
    return f"{head}.{other}.{signature}"


NOW = int(HandClock().now().timestamp())

CASES = {
    "alg none": Case(lambda i: unsigned({"alg": "none", "kid": "k1"}, i), "checked"),
    "alg None": Case(lambda i: unsigned({"alg": "NonE"}, i), "checked"),
    "no alg": Case(lambda i: unsigned({}, i), "checked"),
    "hmac with the public key": Case(by_public_key, "checked"),
    "another key of the same name": Case(swapped, "signed with a key"),
    "a key that it brings along": Case(bringing_its_key, "signed with a key"),
    "claims changed": Case(changed, "signed with a key"),
    "a critical header": Case(headed(crit=["x"], x="1"), "checked"),
    "an access token": Case(headed(typ="at+jwt"), "type"),
    "a logout token": Case(headed(typ="logout+jwt"), "type"),
    "another issuer": Case(lambda i: i.sign(iss="https://evil.example"), "not of"),
    "its issuer with a slash": Case(lambda i: i.sign(iss=f"{ISSUER}/"), "not of"),
    "no issuer": Case(lambda i: i.sign(iss=None), "not of"),
    "another audience": Case(lambda i: i.sign(aud="other"), "aud"),
    "no audience": Case(lambda i: i.sign(aud=None), "aud"),
    "an audience inside a text": Case(lambda i: i.sign(aud=f"x{CLIENT}"), "aud"),
    "expired": Case(lambda i: i.sign(exp=NOW - 61), "exp"),
    "no end": Case(lambda i: i.sign(exp=None), "exp"),
    "an end in words": Case(lambda i: i.sign(exp="9999999999"), "exp"),
    "an endless end": Case(lambda i: i.sign(exp=float("inf")), "exp"),
    "an end that is true": Case(lambda i: i.sign(exp=True), "exp"),
    "of the future": Case(lambda i: i.sign(iat=NOW + 61), "future"),
    "not yet": Case(lambda i: i.sign(nbf=NOW + 61), "future"),
    "no subject": Case(lambda i: i.sign(sub=None), "sub"),
    "an empty subject": Case(lambda i: i.sign(sub=""), "sub"),
    "a long subject": Case(lambda i: i.sign(sub="x" * 256), "sub"),
    "a number as subject": Case(lambda i: i.sign(sub=42), "sub"),
    "no token": Case(lambda _: "boruta_p_1_2", "no signed token"),
    "a huge one": Case(lambda i: i.sign(more="x" * 20_000), "no signed token"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_believed(name: str) -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    keys = KeySet(list(issuing.published))
    token = CASES[name].make(issuing)
    with pytest.raises(SignInRefusedError, match=CASES[name].word):
        claims_of(token, keys, ISSUER, (CLIENT,), clock.now())


@pytest.mark.parametrize(
    "changed",
    [{}, {"aud": [CLIENT, "other"]}, {"exp": NOW - 59}, {"iat": NOW + 59}, {"exp": NOW + 0.5}],
)
def test_what_is_believed(changed: dict[str, Any]) -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    keys = KeySet(list(issuing.published))
    claims = claims_of(issuing.sign(**changed), keys, ISSUER, (CLIENT,), clock.now())
    assert claims["sub"] == "0042"


@pytest.mark.parametrize("told", [None, "", "other", 7])
def test_a_token_made_for_another_sign_in_is_refused(told: object) -> None:
    check_nonce({"nonce": "mine"}, "mine")
    with pytest.raises(SignInRefusedError, match="nonce"):
        check_nonce({"nonce": told}, "mine")


@pytest.mark.parametrize("claims", [{"aud": ["a", "b"]}, {"aud": "a", "azp": "b"}])
def test_a_token_issued_to_another_program_is_refused(claims: dict[str, Any]) -> None:
    check_party({"aud": ["a"], "azp": "a"}, "a")
    check_party({"aud": "a"}, "a")
    with pytest.raises(SignInRefusedError, match="azp"):
        check_party(claims, "a")


async def test_a_new_key_is_looked_for_once_and_an_old_one_is_believed_no_more() -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    issuer = Issuer(ISSUER, clock, issuing)
    old = issuing.sign()
    await proved(issuer, old, (CLIENT,), clock.now())
    issuing.signing = key("k2")
    issuing.published = [issuing.signing]
    fresh = issuing.sign()
    with pytest.raises(SignInRefusedError):
        await proved(issuer, fresh, (CLIENT,), clock.now())
    assert issuing.asked.count("/jwks") == 1, "strangers' tokens do not make us ask at will"
    clock.advance(timedelta(seconds=31))
    await proved(issuer, fresh, (CLIENT,), clock.now())
    for _ in range(20):
        with pytest.raises(SignInRefusedError):
            await proved(issuer, old, (CLIENT,), clock.now())
    assert issuing.asked.count("/jwks") == 2
    await issuer.close()
