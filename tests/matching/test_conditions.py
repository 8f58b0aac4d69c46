"""Conditions part workers by values where these are few, by themselves where they are many."""

import pytest

from boruta_farm.core.demands import condition_token
from boruta_farm.matching import conditions
from boruta_farm.matching.conditions import Conditions
from boruta_farm.matching.market import Market
from boruta_farm.selectors.selector import parse
from tests.matching.naive import make_request, make_worker


def market_of(count: int) -> Market:
    """Return a market of workers with few kinds of memory and a serial number each."""
    market = Market()
    for number in range(count):
        caps = {"ram": str(1 << number % 4), "serial": f"s{number}"}
        market.put_worker(make_worker(f"{number:03}", caps))
    return market


def sizes(market: Market) -> list[int]:
    """Return how many workers each offer has."""
    return sorted(offer.registered for offer in market.parting.offers())


def serving(market: Market, selector: str) -> int:
    """Return how many workers can serve a new demand."""
    demand = market.demand(make_request(1, {}, selector=selector))
    return sum(offer.registered for offer in demand.eligible)


def test_few_values_part_once_and_every_condition_follows() -> None:
    market = market_of(100)
    assert serving(market, "ram >= 2") == 75
    assert sizes(market) == [25, 25, 25, 25]
    offers = list(market.parting.offers())
    for number in range(50):
        assert serving(market, f"ram >= {1 + number / 100}") == (75 if number else 100)
    assert serving(market, "ram 2..4, ram != 4") == 25
    assert serving(market, "!ram") == 0
    assert list(market.parting.offers()) == offers, "no worker was looked at again"


def test_many_values_part_only_by_the_condition() -> None:
    market = market_of(100)
    assert serving(market, "serial has s7") == 1
    assert serving(market, "serial in (s7, s8)") == 2
    assert serving(market, "serial, serial != s9") == 99
    assert sizes(market) == [1, 1, 1, 97]


def test_a_column_that_grows_too_long_ends() -> None:
    market = Market()
    assert serving(market, "serial has s7") == 0
    for number in range(conditions.COLUMN_VALUES):
        market.put_worker(make_worker(f"{number:03}", {"serial": f"s{number}"}))
    assert sizes(market) == [1] * conditions.COLUMN_VALUES
    market.put_worker(make_worker("999", {"serial": "s999"}))
    assert sizes(market) == [1, conditions.COLUMN_VALUES]
    assert serving(market, "serial has s999") == 1
    assert serving(market, "serial has s7") == 1


def test_a_new_value_is_told_apart_in_a_column() -> None:
    market = market_of(8)
    assert serving(market, "ram > 8") == 0
    market.put_worker(make_worker("900", {"ram": "16"}))
    demand = market.demand(make_request(2, {}, selector="ram > 8"))
    assert [offer.registered for offer in demand.eligible] == [1]
    market.put_worker(make_worker("900", {"ram": "4"}))
    assert not demand.eligible


@pytest.mark.parametrize("values", [1, 1000])
def test_conditions_are_met_until_nobody_asks(values: int) -> None:
    asked = [condition_token(parse(text).conditions[0]) for text in ("a", "a in (1, 2)", "a > 1")]
    known = Conditions()
    column = values <= conditions.COLUMN_VALUES
    assert [known.add(token, values) for token in asked] == [column, False, False]
    assert known.is_column("a") is column
    assert set(known.met([("a", "2"), ("b", "2"), ("lab",)], columns=column)) == set(asked)
    assert set(known.met([("a", "0")], columns=column)) == {asked[0]}
    assert not list(known.met([("a", "2")], columns=not column))
    assert [known.remove(token) for token in asked] == [False, False, True]
    assert not list(known.met([("a", "2")], columns=column))


def test_verdicts_on_many_values_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "VERDICTS_KEPT", 2)
    token = condition_token(parse("a > 1").conditions[0])
    known = Conditions()
    known.add(token, 1000)
    for _ in range(2):
        for value in range(5):
            met = list(known.met([("a", str(value))], columns=False))
            assert met == ([token] if value > 1 else [])
