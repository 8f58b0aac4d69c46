"""What each kind of condition makes of a value."""

import pytest

from boruta_farm.selectors.selector import parse


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("a", ["", "x"], [None]),
        ("!a", [None], ["", "x"]),
        ("a = 1", ["1"], [None, "", "1.0", " 1"]),
        ("a in (1, 2)", ["1", "2"], [None, "3", "1, 2"]),
        ("a != 1", [None, "", "2", "1.0"], ["1"]),
        ("a not in (1, 2)", [None, "3"], ["1", "2"]),
        ("a >= 2", ["2", "2.0", "10", " 3 ", "+2"], [None, "", "1.99", "-3", "2G", "0x10", "1e9"]),
        ("a > 2", ["2.000000000000000000000000000000000001"], ["2", "2.0"]),
        ("a <= 2", ["2", "-5", "1.9"], ["2.1", None, "x", "inf", "NaN", "1_0"]),
        ("a < 2", ["1.99"], ["2.0"]),
        ("a 2.9..3.6", ["2.9", "3", "3.60"], ["2.89", "3.61", "3,3"]),
        ("a > 1, a < 2", ["1.5"], ["1", "2"]),
        ("a has 9600", ["9600", "115200,9600", "1, 9600 ,2"], [None, "", "96000", "19600,5"]),
    ],
)
def test_values(text: str, good: list[str | None], bad: list[str | None]) -> None:
    selector = parse(text)
    for value in good:
        assert selector.matches({} if value is None else {"a": value}), value
    for value in bad:
        assert not selector.matches({} if value is None else {"a": value}), value


def test_numbers_beyond_floating_point_are_compared_exactly() -> None:
    assert not parse("a >= 9007199254740993").matches({"a": "9007199254740992"})
    assert parse("a <= 0.1").matches({"a": "0.1"})
