"""What an agent may use, counted over sliding spans."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.mcp.budget import Booking, Budget, BudgetError, CountedAct, Spent

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BUDGET = Budget(boards=2, minutes=100, flashes=2, power=0)


def test_boards_at_once() -> None:
    spent = Spent().booked(BUDGET, 1, 10 * MINUTE, NOW).booked(BUDGET, 2, 10 * MINUTE, NOW)
    with pytest.raises(BudgetError, match="2 boards at once, and requests 1, 2 hold them"):
        spent.booked(BUDGET, 3, MINUTE, NOW)
    spent.ended(1, NOW).booked(BUDGET, 3, MINUTE, NOW)
    spent.booked(BUDGET, 3, MINUTE, NOW + 10 * MINUTE)


def test_minutes_of_a_day_and_what_was_not_used_comes_back() -> None:
    spent = Spent().booked(BUDGET, 1, 90 * MINUTE, NOW)
    with pytest.raises(BudgetError, match="100 board minutes in a day; 10 are left"):
        spent.booked(BUDGET, 2, 11 * MINUTE, NOW)
    with pytest.raises(BudgetError, match="10 are left"):
        spent.moved(BUDGET, 1, NOW + 101 * MINUTE, NOW)
    assert spent.moved(BUDGET, 1, NOW + 100 * MINUTE, NOW).minutes_left(BUDGET, NOW) == 0 * MINUTE
    back = spent.ended(1, NOW + 30 * MINUTE)
    assert back.minutes_left(BUDGET, NOW + 30 * MINUTE) == 70 * MINUTE
    assert back.ended(1, NOW) == back
    tomorrow = NOW + timedelta(days=1)
    assert back.minutes_left(BUDGET, tomorrow + 10 * MINUTE) == 80 * MINUTE
    assert back.since(tomorrow + 31 * MINUTE).bookings == ()


def test_acts_of_an_hour() -> None:
    spent = (
        Spent()
        .done(BUDGET, CountedAct.FLASH, NOW)
        .done(BUDGET, CountedAct.FLASH, NOW + 10 * MINUTE)
    )
    with pytest.raises(BudgetError, match=r"2 x flashes in an hour.*the next is free in 40m"):
        spent.done(BUDGET, CountedAct.FLASH, NOW + 20 * MINUTE)
    later = spent.done(BUDGET, CountedAct.FLASH, NOW + 60 * MINUTE)
    assert len(later.since(NOW + 60 * MINUTE).acts[CountedAct.FLASH]) == 2
    with pytest.raises(BudgetError, match=r"0 x power .* free never"):
        spent.done(BUDGET, CountedAct.POWER, NOW)


def test_what_was_reserved_gets_the_id_of_its_request() -> None:
    spent = Spent().booked(BUDGET, -7, MINUTE, NOW).named(-7, 12)
    assert spent.bookings == (Booking(request=12, begun=NOW, until=NOW + MINUTE),)
    with pytest.raises(BudgetError, match="request 13 is not one"):
        spent.moved(BUDGET, 13, NOW, NOW)


@given(st.lists(st.tuples(st.sampled_from(CountedAct), st.integers(0, 7200)), max_size=40))
def test_no_order_of_acts_goes_beyond(acts: list[tuple[CountedAct, int]]) -> None:
    budget = Budget(flashes=3, power=5)
    spent, done = Spent(), []
    for counted, second in sorted(acts, key=lambda act: act[1]):
        now = NOW + timedelta(seconds=second)
        try:
            spent = spent.since(now).done(budget, counted, now)
        except BudgetError:
            continue
        done.append((counted, second))
    for counted, second in done:
        window = [at for kind, at in done if kind is counted and second - 3600 < at <= second]
        assert len(window) <= budget.most(counted)
