"""What claims come to by the settings."""

from datetime import timedelta
from typing import Any

import pytest

from boruta_farm.model.errors import SignInRefusedError
from boruta_farm.model.permission import Role
from boruta_farm.oidc.claims import identified, is_known
from boruta_farm.oidc.settings import ProviderSettings
from tests.oidc.issuing import CLIENT, ISSUER

ANN = {"sub": "0042", "preferred_username": "ann", "name": "Ann\u202e Able", "groups": ["staff"]}


def settings(**changed: Any) -> ProviderSettings:
    return ProviderSettings(issuer=ISSUER, client_id=CLIENT, **changed)


def test_who_somebody_is() -> None:
    person = identified("lab", settings(session_length=timedelta(hours=1)), ANN)
    assert (person.identity, person.name, person.lasts) == (
        f"{ISSUER} 0042",
        "ann",
        timedelta(hours=1),
    )
    assert person.full_name == "Ann Able", "what turns the reading direction is no part of a name"
    assert person.role is None, "without roles in the settings they are for admins to give"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["staff", "embedded"], {"kernel"}),
        (["staff"], set()),
        ("embedded", {"kernel"}),
        ([["embedded"], {"embedded": 1}, 7, None], set()),
        ({"embedded": True}, set()),
        (None, set()),
    ],
)
def test_groups_of_the_farm(told: object, expected: set[str]) -> None:
    mapped = settings(groups={"embedded": "kernel", "radio-team": "radio"})
    person = identified("lab", mapped, {**ANN, "groups": told})
    assert person.groups == expected
    assert person.managed == {"kernel", "radio"}


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["lab-admins", "readers"], Role.ADMIN),
        (["readers"], Role.AUDITOR),
        (["others"], Role.USER),
        ([], Role.USER),
    ],
)
def test_roles_by_groups(groups: list[str], role: Role) -> None:
    mapped = settings(roles={"lab-admins": Role.ADMIN, "readers": Role.AUDITOR})
    assert identified("lab", mapped, {**ANN, "groups": groups}).role is role


def test_dots_lead_into_claims() -> None:
    mapped = settings(groups_claim="realm_access.roles", groups={"dev": "kernel"})
    assert identified("lab", mapped, {**ANN, "realm_access": {"roles": ["dev"]}}).groups
    assert identified("lab", mapped, {**ANN, "realm_access.roles": ["dev"]}).groups
    assert not identified("lab", mapped, {**ANN, "realm_access": "dev"}).groups


def test_only_who_is_in_an_allowed_group() -> None:
    some = settings(allowed_groups=("lab", "staff"))
    assert identified("lab", some, ANN)
    for groups in ([], ["lab "], None):
        with pytest.raises(SignInRefusedError, match="groups"):
            identified("lab", some, {**ANN, "groups": groups})


@pytest.mark.parametrize(
    ("mail", "verified", "good"),
    [
        ("ann@Example.com", True, True),
        ("ann@example.com", False, False),
        ("ann@example.com", "true", False),
        ("ann@example.com", None, False),
        ("ann@evil.example", True, False),
        ("ann@example.com.evil.example", True, False),
        ("ann@example.com@evil.example", True, False),
        ("example.com", True, True),
        (["ann@example.com"], True, False),
    ],
)
def test_only_who_has_a_verified_address_in_an_allowed_domain(
    mail: object, verified: object, good: bool
) -> None:
    some = settings(allowed_domains=("example.com",))
    claims = {**ANN, "email": mail, "email_verified": verified}
    if good:
        assert identified("lab", some, claims)
    else:
        with pytest.raises(SignInRefusedError, match="domain"):
            identified("lab", some, claims)


def test_userinfo_is_asked_for_what_is_missing_alone() -> None:
    assert is_known(ANN, settings())
    assert not is_known({"sub": "1"}, settings())
    bare = {"sub": "1", "preferred_username": "ann", "name": "Ann"}
    assert is_known(bare, settings())
    assert not is_known(bare, settings(groups={"a": "b"}))
    assert not is_known(bare, settings(allowed_domains=("example.com",)))
