"""What an issuer publishes: believed for a while, within bounds, and of itself alone."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey

from boruta_farm.model.errors import ProviderUnreachableError
from boruta_farm.oidc.fetching import MOST_BYTES
from boruta_farm.oidc.issuer import KEPT, MOST_KEYS, Issuer
from tests.oidc.issuing import ISSUER, Issuing
from tests.store.making import HandClock


async def test_what_is_published_is_asked_for_once_an_hour() -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    issuer = Issuer(ISSUER, clock, issuing)
    for _ in range(5):
        await issuer.keys()
    assert issuing.asked == ["/.well-known/openid-configuration", "/jwks"]
    clock.advance(timedelta(seconds=KEPT))
    await issuer.keys()
    assert len(issuing.asked) == 4


async def test_one_that_fails_is_left_alone_for_some_seconds() -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    issuing.instead = lambda _request: httpx.Response(502)
    issuer = Issuer(ISSUER, clock, issuing)
    for _ in range(5):
        with pytest.raises(ProviderUnreachableError, match="answers 502"):
            await issuer.keys()
    assert len(issuing.asked) == 1
    issuing.instead = lambda _request: None
    clock.advance(timedelta(seconds=5))
    await issuer.keys()


async def endless() -> Any:
    while True:
        yield b" " * 65536


ANSWERS = {
    "huge": lambda: httpx.Response(200, content=endless()),
    "a bomb": lambda: httpx.Response(
        200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8b")
    ),
    "led elsewhere": lambda: httpx.Response(302, headers={"location": "http://10.0.0.1/"}),
    "no JSON": lambda: httpx.Response(200, content=b"<html>"),
    "a list": lambda: httpx.Response(200, content=b"[]"),
    "deep": lambda: httpx.Response(200, content=b"[" * 100_000),
    "larger by a byte": lambda: httpx.Response(200, content=b" " * (MOST_BYTES + 1)),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("path", ["/jwks", "/.well-known/openid-configuration"])
async def test_answers_that_are_none(name: str, path: str) -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    issuing.instead = lambda request: ANSWERS[name]() if request.url.path == path else None
    issuer = Issuer(ISSUER, clock, issuing)
    with pytest.raises(ProviderUnreachableError):
        await issuer.keys()


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://evil.example"},
        {"issuer": f"{ISSUER}/"},
        {"jwks_uri": "http://login.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": ["https://login.example/jwks"]},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://x.example/\r\nset-cookie: a=b"},
    ],
)
async def test_metadata_of_another_or_leading_astray(told: dict[str, Any]) -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    issuing.metadata = told
    with pytest.raises(ProviderUnreachableError):
        await Issuer(ISSUER, clock, issuing).metadata()


@pytest.mark.parametrize("count", [0, MOST_KEYS + 1])
async def test_keys_are_some_and_not_too_many(count: int) -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    issuing.published = issuing.published * count
    with pytest.raises(ProviderUnreachableError):
        await Issuer(ISSUER, clock, issuing).keys()


@pytest.mark.filterwarnings("ignore:.*Key size.*")
async def test_keys_that_everybody_or_a_laptop_has_are_none() -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    good = issuing.signing.as_dict(private=False)
    weak = RSAKey.generate_key(1024, private=False, auto_kid=True).as_dict()
    secret = OctKey.generate_key(256, auto_kid=True).as_dict()
    sealing = {**good, "kid": "enc", "use": "enc"}
    content = json.dumps({"keys": [weak, secret, sealing, {"kty": "new"}, 7, good]}).encode()
    issuing.instead = lambda request: (
        httpx.Response(200, content=content) if request.url.path == "/jwks" else None
    )
    keys = await Issuer(ISSUER, clock, issuing).keys()
    assert [one.kid for one in keys.keys] == ["k1"]
