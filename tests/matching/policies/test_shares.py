"""Recent use fades, and is compared without knowing the time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.matching.policies.shares import Use

HOUR = 3_600_000_000
HALF_LIFE = 24 * HOUR
NOW = 20_000 * 24 * HOUR


def test_use_counts_half_after_its_half_life() -> None:
    use = Use().plus(NOW, 2 * HOUR, HALF_LIFE)
    assert use.seen(NOW, HALF_LIFE) == 7200
    assert use.seen(NOW + HALF_LIFE, HALF_LIFE) == 3600
    assert use.plus(NOW + HALF_LIFE, HOUR, HALF_LIFE).seconds == 7200


def test_a_charge_taken_back_leaves_nothing() -> None:
    use = Use().plus(NOW, HOUR, HALF_LIFE).plus(NOW, -HOUR, HALF_LIFE)
    assert (use.seconds, use.share(HALF_LIFE)) == (0.0, 0)


def test_what_is_charged_late_counts_from_its_start() -> None:
    late = Use().plus(NOW, HOUR, HALF_LIFE).plus(NOW - HALF_LIFE, HOUR, HALF_LIFE)
    assert late.seconds == pytest.approx(3600 * 1.5)


@given(
    st.floats(1, 1e6), st.floats(1, 1e6), st.integers(0, 48), st.integers(0, 48), st.integers(0, 99)
)
def test_shares_sort_as_use_does_at_any_time(
    one: float, two: float, first: int, second: int, later: int
) -> None:
    a = Use(seconds=one, at=NOW + first * HOUR)
    b = Use(seconds=two, at=NOW + second * HOUR)
    when = NOW + (48 + later) * HOUR
    seen_a, seen_b = a.seen(when, HALF_LIFE), b.seen(when, HALF_LIFE)
    # Within one step of each other they may count as equal.
    if seen_a < seen_b / 1.003:
        assert a.share(HALF_LIFE) < b.share(HALF_LIFE)
    if seen_a > seen_b * 1.003:
        assert a.share(HALF_LIFE) > b.share(HALF_LIFE)


def test_shares_fit_their_room_for_a_century_with_the_shortest_half_life() -> None:
    use = Use(seconds=1e9, at=130 * 365 * 24 * HOUR)
    assert use.share(10 * 60 * 1_000_000) < 1 << 32
