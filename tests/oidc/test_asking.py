"""What a provider is asked before anybody signs in by it."""

from dataclasses import replace

import httpx
import pytest

from boruta_farm.oidc.asking import Told, ask
from tests.oidc.issuing import ISSUER, Issuing
from tests.oidc.signing_in import JOBS, LAB
from tests.store.making import HandClock


async def asked(issuing: Issuing) -> tuple[Told, ...]:
    return await ask({"lab": LAB}, {"jobs": JOBS}, issuing.clock, lambda _ca: issuing)


async def test_what_is_well_is_told() -> None:
    lab, jobs = await asked(Issuing(HandClock()))
    assert lab.good
    assert jobs.good
    assert f"{ISSUER} answers and signs with 1 key(s); codes for 'boruta login'" in lab.words
    assert jobs.words == f"{ISSUER} answers and signs with 1 key(s)"


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"issuer": "https://other.example"}, "calls itself 'https://other.example'"),
        ({"token_endpoint": ""}, "names no token_endpoint"),
    ],
)
async def test_what_is_wrong_is_told(told: dict[str, str], word: str) -> None:
    issuing = Issuing(HandClock())
    issuing.metadata = told
    lab, _ = await asked(issuing)
    assert not lab.good
    assert word in lab.words


async def test_who_does_not_answer_is_told() -> None:
    issuing = Issuing(HandClock())
    issuing.instead = lambda _request: httpx.Response(404)
    assert [one.good for one in await asked(issuing)] == [False, False]


async def test_a_provider_without_codes_is_good_for_browsers() -> None:
    issuing = Issuing(HandClock())
    issuing.metadata = {"device_authorization_endpoint": ""}
    lab, _ = await asked(issuing)
    assert lab.good
    assert "no codes" in lab.words
    silent = replace(LAB, device=False, scopes=("offline_access",))
    (found,) = await ask({"lab": silent}, {}, issuing.clock, lambda _ca: issuing)
    assert "no codes" in found.words
    assert found.words.endswith("judged again by refresh tokens")
