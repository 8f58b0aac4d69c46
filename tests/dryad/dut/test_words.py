"""What people write after a verb."""

import pytest

from boruta_farm.dryad.dut.call import UsageError
from boruta_farm.dryad.dut.words import one_name, seconds
from boruta_farm.settings.durations import parse_duration


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *(("500ms", 0.5), ("1s", 1.0), ("1.5s", 1.5), ("2m", 120.0), ("3", 3.0)),
        *(("s", None), ("reset", None), ("1d", None), ("-1s", None), ("", None), ("1m30", None)),
    ],
)
def test_spans_of_time(word: str, meant: float | None) -> None:
    assert seconds(word) == meant


@pytest.mark.parametrize("word", ["500ms", "1.5s", "2m", "1m30s", "2h", "1h0.5m", "1s500ms"])
def test_a_span_with_units_means_what_it_means_everywhere(word: str) -> None:
    assert seconds(word) == parse_duration(word).total_seconds()


def test_an_option_is_no_name() -> None:
    assert (one_name([]), one_name(["main"])) == ("", "main")
    with pytest.raises(UsageError, match="'--json' is no tool's name; options stand before"):
        one_name(["--json"])
    with pytest.raises(UsageError, match="one word too many"):
        one_name(["main", "other"])
