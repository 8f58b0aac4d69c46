"""Threat: a sign-in provider, or one who has taken it over, answers so that others suffer.

What it could say to be believed is in ``tests/oidc``; here is what it could say to do damage.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from boruta_farm.model.errors import BorutaError, ProviderUnreachableError, SignInRefusedError
from boruta_farm.oidc.issuer import Issuer
from boruta_farm.oidc.sign_ins import JUDGED_AT_ONCE, open_sign_ins
from tests.farm.people import SOURCE
from tests.oidc.issuing import CLIENT, FARM, ISSUER, Issuing
from tests.oidc.signing_in import LAB, Signing, signing_in
from tests.store.making import HandClock

HALF = "\ud800"
"""A half of a character, as JSON can escape it: it can be written nowhere."""

CLAIMS: dict[str, dict[str, Any]] = {
    "an end that is no number of ours": {"exp": 10**400},
    "a beginning that is none": {"iat": -(10**400)},
    "a time that is not one": {"nbf": float("nan")},
    "half a nonce": {"nonce": HALF},
    "half a name": {"preferred_username": f"ann{HALF}"},
    "half a group": {"groups": [HALF]},
}
ANSWERS = {
    "an access token for no header": {"access_token": "\xe9"},
    "a second header": {"access_token": "a\r\nhost: evil.example"},
    "half an access token": {"access_token": HALF},
    "half a refresh token": {"refresh_token": HALF},
    "a refresh token that is none": {"refresh_token": "\xe9\n"},
}


async def sign_in(signing: Signing, provider: str = "lab") -> None:
    departure = await signing.sign_ins.depart(provider, "/")
    told = signing.issuing.authorize(departure.address)
    await signing.sign_ins.arrive(provider, departure.kept, told, SOURCE)


def changing_tokens(issuing: Issuing, changed: dict[str, Any]) -> None:
    """Have all answers of the token endpoint changed so."""
    usual: Callable[[httpx.Request], httpx.Response] = issuing._token

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != "/token":
            return None
        told = {**json.loads(usual(request).content), **changed}
        return httpx.Response(200, content=json.dumps(told).encode())

    issuing.instead = answer


@pytest.mark.prove
@pytest.mark.parametrize("name", CLAIMS)
async def test_claims_that_nothing_reckons_with_are_refused(name: str, tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        signing.issuing.claims |= CLAIMS[name]
        with pytest.raises(SignInRefusedError):
            await sign_in(signing)


@pytest.mark.prove
@pytest.mark.parametrize("name", ANSWERS)
async def test_words_that_cannot_be_sent_break_no_judging(name: str, tmp_path: Path) -> None:
    """One that fails otherwise than in our words ends the judging of everybody."""
    async with signing_in(tmp_path) as signing:
        await sign_in(signing)
        del signing.issuing.claims["name"]
        changing_tokens(signing.issuing, ANSWERS[name])
        for _ in range(2):
            signing.people.clock.advance(LAB.judged_every)
            await signing.sign_ins.judge_due()
        with contextlib.suppress(BorutaError):
            await sign_in(signing)


@pytest.mark.parametrize("key", ["jwks_uri", "token_endpoint", "userinfo_endpoint"])
@pytest.mark.parametrize("host", ["[v1.x]", "xn--", "login.example:99999"])
async def test_addresses_that_are_none_are_refused(key: str, host: str) -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    issuing.metadata = {key: f"https://{host}/x"}
    with pytest.raises(ProviderUnreachableError):
        await Issuer(ISSUER, clock, issuing).metadata()


async def test_cookies_are_not_kept() -> None:
    clock = HandClock()
    issuing = Issuing(clock)
    told = [("set-cookie", f"c{number}={'x' * 1000}") for number in range(50)]
    issuing.instead = lambda request: httpx.Response(503, headers=told)
    issuer = Issuer(ISSUER, clock, issuing)
    with pytest.raises(ProviderUnreachableError):
        await issuer.metadata()
    assert not issuer.http.cookies


class Stalling(httpx.AsyncBaseTransport):
    """Never answer about tokens of the program ``slow``; tell when another's were asked for."""

    def __init__(self, inner: Issuing) -> None:
        self._inner = inner
        self.others = asyncio.Event()
        self.given_up = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            if b"client_id=slow" in await request.aread():
                try:
                    await asyncio.Event().wait()
                finally:
                    self.given_up += 1
            self.others.set()
        return await self._inner.handle_async_request(request)


@pytest.mark.prove
async def test_one_that_does_not_answer_delays_no_judging_of_others(tmp_path: Path) -> None:
    """Who was sent away elsewhere would stay in for as long as many are asked about in vain."""
    providers = {"slow": replace(LAB, client_id="slow"), "lab": LAB}
    async with signing_in(tmp_path, providers) as signing:
        for number in range(JUDGED_AT_ONCE):
            signing.issuing.claims |= {
                "aud": "slow",
                "sub": str(number),
                "preferred_username": f"eve{number}",
            }
            await sign_in(signing, "slow")
        # So that she comes after all of them.
        signing.people.clock.advance(timedelta(seconds=1))
        signing.issuing.claims |= {"aud": CLIENT, "sub": "ann", "preferred_username": "ann"}
        await sign_in(signing)
        network = Stalling(signing.issuing)
        sign_ins = open_sign_ins(
            providers,
            {},
            signing.people.farm.tokens,
            signing.cipher,
            signing.people.clock,
            FARM,
            lambda _ca: network,
        )
        signing.people.clock.advance(LAB.judged_every)
        judging = asyncio.create_task(sign_ins.judge_due())
        try:
            async with asyncio.timeout(60):
                await network.others.wait()
            assert network.given_up == 0
        finally:
            judging.cancel()
            await asyncio.gather(judging, return_exceptions=True)
            await sign_ins.close()
