"""The expected start: a range from what is known, and a score of how good ranges are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.matching.forecast import (
    OUTSTANDING,
    SCORED,
    Lengths,
    Score,
    lengths,
    remaining,
    turn,
)

FREE = st.lists(st.integers(0, 100), min_size=1, max_size=5)


@given(FREE, st.integers(1, 50), st.integers(0, 30))
def test_a_turn_is_when_playing_it_out_says(free: list[int], length: int, before: int) -> None:
    boards = sorted(free)
    for _ in range(before):
        boards = sorted([*boards[1:], boards[0] + length])
    found = turn([(float(when), 1.0) for when in free], float(length), float(before))
    assert found == pytest.approx(boards[0], abs=0.001)


@given(FREE, st.integers(1, 50), st.integers(0, 30), st.integers(2, 4))
def test_a_board_of_some_weight_is_as_many_boards(
    free: list[int], length: int, before: int, weight: int
) -> None:
    one = turn([(float(when), float(weight)) for when in free], float(length), float(before))
    each = turn([(float(when), 1.0) for when in free * weight], float(length), float(before))
    assert one == pytest.approx(each, abs=0.001)


def test_boards_that_stand_for_several_count_as_several() -> None:
    assert turn([(10.0, 3.0), (50.0, 1.0)], 100.0, 2.0) == pytest.approx(10, abs=0.001)
    assert turn([(10.0, 3.0), (50.0, 1.0)], 100.0, 3.0) == pytest.approx(50, abs=0.001)


def test_who_is_first_before_an_idle_board_starts_at_once() -> None:
    assert turn([(0.0, 1.0)], 3600.0, 0.0) == 0.0


def test_without_past_jobs_a_job_may_end_at_once_or_last_its_time() -> None:
    assert lengths([], 3600.0) == Lengths(low=0.0, mean=1800.0, high=3600.0)
    assert remaining([], 100.0, 500.0) == (0.0, 500.0)


def test_past_jobs_narrow_the_range_and_those_outlasted_tell_nothing() -> None:
    seen = [float(length) for length in range(100, 200, 10)]
    assert lengths(seen, 3600.0) == Lengths(low=110.0, mean=145.0, high=190.0)
    assert remaining(seen, 155.0, 3000.0) == (5.0, 35.0)
    assert remaining(seen, 500.0, 3000.0) == (0.0, 3000.0)


def test_many_jobs_in_a_row_come_near_to_their_mean() -> None:
    kind = Lengths(low=100.0, mean=200.0, high=400.0)
    assert kind.averaged(1) == kind
    assert kind.averaged(4) == Lengths(low=150.0, mean=200.0, high=300.0)


def test_the_first_range_told_of_a_request_is_scored_at_its_start() -> None:
    score = Score()
    for number in range(4):
        score.tell(number, 10, 20)
        score.tell(number, 0, 1000)
    score.started(0, 10)
    score.started(1, 21)
    score.gone(2)
    score.started(2, 15)
    score.started(99, 15)
    assert (score.hits, score.of) == (1, 2)


def test_scores_are_bounded() -> None:
    score = Score()
    for number in range(OUTSTANDING + 1):
        score.tell(number, 0, 1)
    for number in range(OUTSTANDING + 1):
        score.started(number, 0)
    assert (score.hits, score.of) == (SCORED, SCORED)
