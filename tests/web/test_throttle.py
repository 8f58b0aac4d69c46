"""Buckets that fill again and penalties that grow, in a clock's own time."""

from datetime import timedelta

import pytest
from tests.store.making import HandClock

from boruta_farm.model.errors import TooManyCallsError
from boruta_farm.rate import REMEMBERED, Rate
from boruta_farm.web.penalties import FORGIVEN_AFTER, Penalties


def taken(rate: Rate, name: str, most: int = 1000) -> int:
    """Take calls until one is refused; return how many were allowed."""
    for count in range(most):
        try:
            rate.take(name)
        except TooManyCallsError:
            return count
    return most


def test_a_burst_then_so_many_a_second() -> None:
    clock = HandClock()
    rate = Rate(clock, 10, "here")
    assert taken(rate, "ann") == 50
    assert taken(rate, "bob") == 50
    clock.advance(timedelta(seconds=2))
    assert taken(rate, "ann") == 20
    clock.advance(timedelta(hours=1))
    assert taken(rate, "ann") == 50


def test_several_servers_allow_no_more_than_one() -> None:
    clock, servers = HandClock(), 2
    rates = [Rate(clock, 10, "here", servers=lambda: servers) for _ in range(servers)]
    assert [taken(rate, "ann") for rate in rates] == [25, 25]
    clock.advance(timedelta(seconds=2))
    assert [taken(rate, "ann") for rate in rates] == [10, 10]
    servers = 1
    clock.advance(timedelta(seconds=2))
    assert taken(rates[0], "ann") == 20


def test_the_refusal_says_how_long_to_wait() -> None:
    rate = Rate(HandClock(), 0.25, "here")
    taken(rate, "ann")
    with pytest.raises(TooManyCallsError, match="here") as refusal:
        rate.take("ann")
    assert refusal.value.retry_after in (3, 4)


def test_zero_is_no_limit() -> None:
    assert taken(Rate(HandClock(), 0, "here"), "ann", 500) == 500


def test_what_is_remembered_is_bounded() -> None:
    clock = HandClock()
    rate, penalties = Rate(clock, 1, "here"), Penalties(clock)
    for number in range(REMEMBERED + 100):
        rate.take(str(number))
        penalties.failed(str(number))
    assert len(rate._buckets) == REMEMBERED
    assert len(penalties._failures) == REMEMBERED


def waits(penalties: Penalties, source: str) -> int:
    try:
        penalties.check(source)
    except TooManyCallsError as refusal:
        return refusal.retry_after
    return 0


def test_penalties_grow_up_to_a_minute_and_are_forgiven() -> None:
    clock = HandClock()
    penalties = Penalties(clock)
    found = []
    for _ in range(14):
        penalties.failed("here")
        found.append(waits(penalties, "here"))
    assert found == [0] * 5 + [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert waits(penalties, "elsewhere") == 0
    clock.advance(timedelta(seconds=61))
    assert waits(penalties, "here") == 0
    clock.advance(timedelta(seconds=FORGIVEN_AFTER))
    penalties.failed("here")
    assert waits(penalties, "here") == 0
