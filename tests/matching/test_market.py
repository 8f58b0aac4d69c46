"""Workers are told apart by what is asked for, and by nothing else."""

from boruta_farm.matching import market as module
from boruta_farm.matching.market import Market
from tests.matching.naive import make_request, make_worker


def market_of(workers: int) -> Market:
    """Return a market of workers alike but for their UUID and serial number."""
    market = Market()
    for number in range(workers):
        market.put_worker(make_worker(f"{number:03}", {"arch": "arm", "serial": f"s{number}"}))
    return market


def sizes(market: Market) -> list[int]:
    """Return how many workers each offer has."""
    return sorted(offer.registered for offer in market.parting.offers())


def test_a_serial_number_nobody_asks_for_parts_nobody() -> None:
    market = market_of(100)
    assert sizes(market) == [100]
    market.demand(make_request(1, {"arch": "arm"}))
    assert sizes(market) == [100]


def test_a_serial_number_that_is_asked_for_parts_its_worker_alone() -> None:
    market = market_of(100)
    wanted = market.demand(make_request(1, {"serial": "s7"}))
    assert sizes(market) == [1, 99]
    assert sum(offer.registered for offer in wanted.eligible) == 1
    anything = market.demand(make_request(2, {}))
    assert sum(offer.registered for offer in anything.eligible) == 100


def test_groups_part_workers_only_when_an_owner_is_in_them() -> None:
    market = Market()
    for number in range(9):
        market.put_worker(make_worker(f"{number}", groups=(f"team{number}",)))
    market.put_worker(make_worker("9"))
    assert sizes(market) == [1, 9]
    demand = market.demand(make_request(1, groups=["team3", "nowhere"]))
    assert sizes(market) == [1, 1, 8]
    assert sum(offer.registered for offer in demand.eligible) == 2


def test_workers_come_together_again_when_their_difference_is_forgotten() -> None:
    market = market_of(3)
    market.demand(make_request(1, {"serial": "s1"}))
    assert sizes(market) == [1, 2]
    for number in range(module.EMPTY_DEMANDS_KEPT):
        market.demand(make_request(number + 2, {"other": str(number)}))
    for number in range(3):
        market.put_worker(make_worker(f"{number:03}", {"arch": "arm", "serial": f"s{number}"}))
    assert sizes(market) == [3]


def test_a_demand_loses_and_gains_its_last_worker() -> None:
    market = market_of(1)
    demand = market.demand(make_request(1, {"arch": "arm"}))
    assert not market.lost
    market.put_worker(make_worker("000", {"arch": "arm", "new": "1"}))
    market.demand(make_request(2, {"new": "1"}))
    assert not market.lost
    market.remove_worker("000")
    assert demand in market.lost
    market.put_worker(make_worker("001", {"arch": "arm"}))
    assert demand not in market.lost
    assert demand in market.gained
