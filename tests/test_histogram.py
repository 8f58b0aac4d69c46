import pytest

from boruta_farm.histogram import Histogram


def test_a_figure_counts_in_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram((1, 2, 5))
    for figure in (0, 1, 1.5, 2, 2.1, 5, 6):
        histogram.note(figure)
    assert histogram.counts == [2, 2, 2, 1]
    assert histogram.cumulative() == (2, 4, 6, 7)
    assert histogram.total == pytest.approx(17.6)


def test_what_others_counted_is_added() -> None:
    one, other = Histogram((1, 2)), Histogram((1, 2))
    one.note(0.5)
    other.note(1.5)
    other.note(9)
    one.add(other)
    assert (one.counts, one.total) == ([1, 1, 1], 11)
    assert other.counts == [0, 1, 1]
