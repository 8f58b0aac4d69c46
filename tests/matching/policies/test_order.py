"""One number per request sorts as the policies say, and never changes while it waits."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.matching.policies.order import ID_BITS, SHARE_BITS, Order, id_of
from boruta_farm.model.policies import FairShare, Policies
from tests.matching.naive import START, make_request

HOUR = timedelta(hours=1)
AGEING = timedelta(hours=4)


@given(st.lists(st.tuples(st.integers(1, 16), st.integers(1, 2**40)), min_size=2))
def test_by_default_it_sorts_as_priority_and_id(places: list[tuple[int, int]]) -> None:
    order = Order(Policies())
    requests = [make_request(number, priority=priority) for priority, number in places]
    by_key = sorted(requests, key=order.key)
    assert by_key == sorted(requests, key=lambda request: (request.priority, request.id))
    assert [id_of(order.key(request)) for request in requests] == [r.id for r in requests]


@pytest.mark.parametrize(("lead", "first"), [(AGEING, 1), (AGEING - timedelta(seconds=1), 2)])
def test_a_request_of_the_next_priority_comes_first_after_one_step(
    lead: timedelta, first: int
) -> None:
    order = Order(Policies(ageing=AGEING))
    old = make_request(1, priority=9, created=START, valid_after=START)
    new = make_request(2, priority=8, created=START + lead, valid_after=START + lead)
    assert id_of(min(order.key(old), order.key(new))) == first


def test_ageing_begins_when_a_request_is_valid() -> None:
    order = Order(Policies(ageing=AGEING))
    early = make_request(1, priority=8, created=START, valid_after=START + 9 * HOUR)
    late = make_request(2, priority=8, created=START + HOUR, valid_after=START + HOUR)
    assert order.key(late) < order.key(early)


def test_with_shares_all_rise_together_so_that_levels_can_be_equal() -> None:
    order = Order(Policies(ageing=AGEING, fair_share=FairShare.OWNERS))
    before = make_request(1, created=START, valid_after=START)
    same_step = make_request(2, created=START + 3 * HOUR, valid_after=START)
    next_step = make_request(3, created=START + 4 * HOUR, valid_after=START)
    assert order.level(before) == order.level(same_step) == order.level(next_step) - 1


def test_a_number_with_its_shares_is_taken_apart_again() -> None:
    order = Order(Policies(fair_share=FairShare.BOTH))
    key = order.key(make_request(77, priority=5))
    shifted = key + (123 << ID_BITS) + (456 << (ID_BITS + SHARE_BITS))
    assert order.place(shifted) == (5, 456, 123, 77)
    assert Order(Policies()).place(Order(Policies()).key(make_request(9))) == (8, 0, 0, 9)
