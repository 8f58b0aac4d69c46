"""The ordered set agrees with a sorted list."""

import random
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.core import ranks as module
from boruta_farm.core.ranks import BLOCK, Ranks


@given(st.lists(st.integers(0, 60)), st.integers(-1, 61), st.integers(0, 9))
def test_every_question_is_answered_as_a_sorted_list_would(
    toggled: list[int], probe: int, limit: int
) -> None:
    agrees(toggled, probe, limit)


@given(st.lists(st.integers(0, 300), max_size=400), st.integers(-1, 301), st.integers(0, 60))
def test_so_it_is_over_blocks_that_part_and_join(
    toggled: list[int], probe: int, limit: int
) -> None:
    with patch.object(module, "BLOCK", 8):
        agrees(toggled, probe, limit)


def agrees(toggled: list[int], probe: int, limit: int) -> None:
    """Compare with a sorted list after adding and removing keys in turn."""
    ranks: Ranks[int] = Ranks()
    known: set[int] = set()
    for key in toggled:
        if key in known:
            ranks.remove(key)
        else:
            ranks.add(key)
        known ^= {key}
    expected = sorted(known)
    assert list(ranks) == expected
    assert len(ranks) == len(expected)
    assert (probe in ranks) == (probe in known)
    assert ranks.lowest == (expected[0] if expected else None)
    assert ranks.at(limit) == (expected[limit] if limit < len(expected) else None)
    assert ranks.rank(probe) == sum(key < probe for key in expected)
    assert ranks.after(probe, limit) == [key for key in expected if key > probe][:limit]


def test_it_stays_right_over_many_blocks() -> None:
    """Blocks part as they fill up and join as they empty."""
    source = random.Random(7)
    keys = list(range(0, 20 * BLOCK, 2))
    source.shuffle(keys)
    ranks: Ranks[int] = Ranks()
    for key in keys:
        ranks.add(key)
    assert list(ranks) == sorted(keys)
    gone, left = set(keys[: 9 * BLOCK]), sorted(keys[9 * BLOCK :])
    for key in gone:
        ranks.remove(key)
    assert list(ranks) == left
    for index in range(0, len(left), 97):
        assert ranks.rank(left[index]) == index
        assert ranks.at(index) == left[index]
        assert ranks.after(left[index], 600) == left[index + 1 : index + 601]


def test_removing_what_is_not_there_is_an_error() -> None:
    ranks: Ranks[int] = Ranks()
    with pytest.raises(KeyError):
        ranks.remove(1)
    ranks.add(2)
    for missing in (1, 3):
        with pytest.raises(KeyError):
            ranks.remove(missing)
