"""What people write after a verb."""

import pytest

from boruta_farm.dryad.dut.call import UsageError
from boruta_farm.dryad.dut.words import one_name, seconds


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *(("500ms", 0.5), ("1s", 1.0), ("1.5s", 1.5), ("2m", 120.0), ("3", 3.0)),
        *(("s", None), ("reset", None), ("1h", None), ("-1s", None), ("", None)),
    ],
)
def test_spans_of_time(word: str, meant: float | None) -> None:
    assert seconds(word) == meant


def test_an_option_is_no_name() -> None:
    assert (one_name([]), one_name(["main"])) == ("", "main")
    with pytest.raises(UsageError, match="'--json' is no tool's name; options stand before"):
        one_name(["--json"])
    with pytest.raises(UsageError, match="one word too many"):
        one_name(["main", "other"])
