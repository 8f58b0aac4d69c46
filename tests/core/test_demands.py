"""Requests that demand the same have the same key."""

from boruta_farm.core.demands import condition_of, demand_key, token_text
from tests.matching.naive import make_request


def test_exact_capabilities_and_equality_in_a_selector_are_the_same() -> None:
    exact = make_request(1, {"arch": "arm"})
    selecting = make_request(2, {}, selector="arch = arm")
    assert demand_key(exact) == demand_key(selecting)
    assert demand_key(exact) != demand_key(make_request(3, {}, selector="arch in (arm, x86)"))
    assert demand_key(exact) != demand_key(exact, "ann")


def test_what_is_refused_is_kept_as_such() -> None:
    key = demand_key(make_request(1, {"a": "1"}, selector="!broken, arch not in (x86, mips)"))
    assert key.caps == {("a", "1")}
    assert sorted(map(token_text, key.bars)) == ["arch=mips", "arch=x86", "broken"]


def test_a_condition_is_a_token_that_leads_back_to_it() -> None:
    key = demand_key(make_request(1, {}, selector="ram > 2, ram <= 8"))
    (token,) = key.caps
    assert token_text(token) == "ram > 2, ram <= 8"
    condition = condition_of(token)
    assert [condition.holds(value) for value in ("2", "2.5", "8", "9")] == [
        False,
        True,
        True,
        False,
    ]
