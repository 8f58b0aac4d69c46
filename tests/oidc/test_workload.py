"""Which job fits which rule."""

from datetime import UTC, datetime
from typing import Any

import pytest

from boruta_farm.model.errors import SignInRefusedError
from boruta_farm.oidc.workload import check_life, fits, proof_of, unproved_issuer
from tests.oidc.issuing import ISSUER, Issuing
from tests.store.making import HandClock

JOB = {
    "sub": "repo:acme/kernel:ref:refs/heads/main",
    "repository": "acme/kernel",
    "repository_id": 4711,
    "ref": "refs/heads/main",
    "ref_protected": True,
    "environment": "lab",
    "list": ["acme/kernel"],
}


@pytest.mark.parametrize(
    ("patterns", "good"),
    [
        ({"repository": "acme/kernel"}, True),
        ({"repository": "acme/kernel", "ref": "refs/heads/*"}, True),
        ({"repository": "acme/*", "environment": "lab"}, True),
        ({"repository": "acme/kerne?"}, True),
        ({"repository": "**kernel"}, True),
        ({"sub": "repo:acme/kernel:**"}, True),
        ({"repository_id": "4711"}, True),
        ({"ref_protected": "true"}, True),
        ({"repository": "acme"}, False),
        ({"repository": "acme/kernel2"}, False),
        ({"repository": "*kernel"}, False),
        ({"repository": "acme?kernel"}, False),
        ({"repository": "Acme/Kernel"}, False),
        ({"repository": "acme.kernel"}, False),
        ({"repository": "[a-z]*/kernel"}, False),
        ({"ref": "refs/tags/*"}, False),
        ({"ref": "refs/*"}, False),
        ({"ref": "**s/*in"}, True),
        ({"ref": "***main"}, True),
        ({"ref": "*/*/*/*"}, False),
        ({"repository": "acme/kernel", "environment": "production"}, False),
        ({"repository": "acme/kernel", "workflow": "*"}, False),
        ({"list": "acme/kernel"}, False),
    ],
)
def test_patterns(patterns: dict[str, str], good: bool) -> None:
    assert fits(JOB, patterns) is good


@pytest.mark.parametrize("text", ["", "x" * 1025, "evil/kernel\nacme/kernel", "acme/kernel\n"])
def test_odd_claims_fit_nothing(text: str) -> None:
    assert not fits({"repository": text}, {"repository": "acme/kernel"})
    assert fits({"repository": text}, {"repository": "*"}) is ("\n" in text and "/" not in text)


def test_a_hostile_claim_takes_no_time() -> None:
    assert not fits({"ref": "a" * 1024}, {"ref": "**a**a**a**b"})


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.b.c", "..", "a.!!.c", "a.W10.c", f"a.{'x' * 20000}.c"]
)
def test_what_names_no_issuer(token: str) -> None:
    assert unproved_issuer(token) == ""


def test_a_token_is_told_by_what_is_signed() -> None:
    token = Issuing(HandClock()).sign()
    assert unproved_issuer(token) == ISSUER
    assert proof_of(token) == proof_of(token.rpartition(".")[0] + ".other")
    assert proof_of(token) != proof_of("x" + token)


def test_a_token_does_not_outlive_the_memory_of_it() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    told: dict[str, Any] = {"exp": now.timestamp() + 12 * 3600}
    check_life(told, now)
    with pytest.raises(SignInRefusedError, match="12 hours"):
        check_life({"exp": told["exp"] + 1}, now)
