"""What people write after a verb."""

import pytest

from boruta_farm.dryad.dut.words import seconds


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *(("500ms", 0.5), ("1s", 1.0), ("1.5s", 1.5), ("2m", 120.0), ("3", 3.0)),
        *(("s", None), ("reset", None), ("1h", None), ("-1s", None), ("", None)),
    ],
)
def test_spans_of_time(word: str, meant: float | None) -> None:
    assert seconds(word) == meant
