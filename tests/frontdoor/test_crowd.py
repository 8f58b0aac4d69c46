"""How many stand before the door: nobody keeps others out."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from boruta_farm.frontdoor.crowd import DoorBounds, DoorCrowd
from boruta_farm.model.errors import TooManyCallsError
from tests.store.making import HandClock

BOUNDS = DoorBounds(
    connections=6,
    strangers=4,
    strangers_per_source=3,
    per_second=1,
    burst=5,
    failures_per_minute=60,
    failures_at_once=2,
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def crowd(clock: HandClock) -> DoorCrowd:
    return DoorCrowd(clock, BOUNDS)


def test_one_address_has_so_many_strangers(crowd: DoorCrowd) -> None:
    for number in range(3):
        crowd.enter(number, "192.0.2.1", lambda: None)
    with pytest.raises(TooManyCallsError, match="have yet to sign in"):
        crowd.enter(3, "192.0.2.1", lambda: None)
    crowd.known(0, "ann")
    crowd.enter(4, "192.0.2.1", lambda: None)


def test_the_oldest_of_the_largest_crowd_goes_for_a_newcomer(crowd: DoorCrowd) -> None:
    cut: list[int] = []
    for number in range(3):
        crowd.enter(number, "2001:db8::1", partial(cut.append, number))
    crowd.enter(3, "192.0.2.1", lambda: cut.append(3))
    crowd.enter(4, "192.0.2.2", lambda: cut.append(4))
    assert cut == [0]
    crowd.enter(5, "192.0.2.3", lambda: cut.append(5))
    assert cut == [0, 1]


def test_a_site_of_ipv6_is_one_source(crowd: DoorCrowd) -> None:
    for number in range(3):
        crowd.enter(number, f"2001:db8::{number}", lambda: None)
    with pytest.raises(TooManyCallsError):
        crowd.enter(3, "2001:db8::9", lambda: None)


def test_no_more_than_so_many_in_all_and_so_often(crowd: DoorCrowd, clock: HandClock) -> None:
    for number in range(5):
        crowd.enter(number, "192.0.2.1", lambda: None)
        crowd.known(number, "ann")
    with pytest.raises(TooManyCallsError, match="connections a second"):
        crowd.enter(5, "192.0.2.1", lambda: None)
    crowd.enter(6, "192.0.2.2", lambda: None)
    crowd.known(6, "ann")
    with pytest.raises(TooManyCallsError, match="too many connections are open"):
        crowd.enter(7, "192.0.2.3", lambda: None)
    crowd.leave(6)
    crowd.enter(8, "192.0.2.3", lambda: None)


def test_who_keeps_failing_waits_and_nobody_else(crowd: DoorCrowd, clock: HandClock) -> None:
    for _ in range(3):
        crowd.failed("192.0.2.1")
    with pytest.raises(TooManyCallsError, match="too many failed attempts"):
        crowd.enter(1, "192.0.2.1", lambda: None)
    crowd.enter(2, "192.0.2.2", lambda: None)
    clock.advance(timedelta(seconds=2))
    crowd.enter(3, "192.0.2.1", lambda: None)
