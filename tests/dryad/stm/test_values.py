from datetime import timedelta

import pytest

from boruta_farm.dryad.stm.errors import ArgumentError
from boruta_farm.dryad.stm.values import Color, checked, tick_milliseconds


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [(1, 1000), (0.5, 500), (0.0015, 1), (0.001, 1), (0.0009, 1000), (0, 1000), (120, 120_000)],
)
def test_a_tick_is_counted_in_whole_milliseconds(seconds: float, milliseconds: int) -> None:
    assert tick_milliseconds(timedelta(seconds=seconds)) == milliseconds


@pytest.mark.parametrize("seconds", [-0.000001, -1, 120.001, 10**9])
def test_ticks_of_weeks_are_refused(seconds: float) -> None:
    with pytest.raises(ArgumentError, match="power can be cut for 0 to 120 s"):
        tick_milliseconds(timedelta(seconds=seconds))


@pytest.mark.parametrize("part", ["red", "green", "blue"])
@pytest.mark.parametrize("value", [-1, 256])
def test_colours_beyond_a_byte_are_refused(part: str, value: int) -> None:
    with pytest.raises(ArgumentError, match=f"{part} must be from 0 to 255, not {value}"):
        Color(**{"red": 0, "green": 0, "blue": 0, part: value})


def test_both_ends_of_a_range_are_inside() -> None:
    assert (checked(1, "x", 1, 3), checked(3, "x", 1, 3)) == (1, 3)
