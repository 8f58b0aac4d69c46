from datetime import timedelta

import pytest

from boruta_farm.dryad.stm.durations import parse_duration
from boruta_farm.dryad.stm.errors import ArgumentError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("500ms", 0.5),
        ("1m30s", 90),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("0", 0),
        ("+2s", 2),
        ("-1s", -1),
        ("-0", 0),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("2000ns", 0.000002),
        ("1h1m1s1ms", 3661.001),
    ],
)
def test_durations_are_read_as_go_does(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "1", "s", "1 s", "1S", "1d", ".s", "--1s", "1s ", "1e3s", "1,5s", "٣s"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="is no duration; write it like 500ms"):
        parse_duration(text)


def test_durations_beyond_measure_are_refused() -> None:
    with pytest.raises(ArgumentError, match="is too long a duration"):
        parse_duration("9" * 20 + "h")
