"""One grammar of durations for files, environment, command line and the original's tools."""

from datetime import timedelta

import pytest

from boruta_farm.settings.durations import LONGEST, parse_duration
from boruta_farm.words.durations import duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("90m", 5400),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        (" 1 h 30 m ", 5400),
        ("2h30", 9000),
        ("1m 5", 65),
        ("1d12", 129600),
        ("1d", 86400),
        ("0.5s", 0.5),
        ("1.5h", 5400),
        ("1m1m", 120),
        ("0", 0),
        ("0s", 0),
        ("-0", 0),
        ("+2s", 2),
        ("1m0.5s", 60.5),
        ("500ms", 0.5),
        (".5s", 0.5),
        ("1.s", 1),
        ("250us", 0.00025),
        ("250\u00b5s", 0.00025),
        ("250\u03bcs", 0.00025),
        ("2000ns", 0.000002),
        ("1h1m1s1ms", 3661.001),
        ("36500d", 36500 * 86400),
        ("0.1s0.2s", 0.3),
    ],
)
def test_what_is_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "10", "m", ".s", "1w", "10m!", "1S", "--1s", "1e3s", "1,5s", "\u0661m", "inf"),
        *("1\u00b2s", "1s30", "1h300", "30 1h", "1_0s", "0x1s", "1\n", "s" * 5000, "1s" * 5000),
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration") as wrong:
        parse_duration(text)
    assert len(str(wrong.value)) < 200
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("99999999999d", "is longer than a hundred years"),
        ("36500d1s", "is longer than a hundred years"),
        ("9" * 90 + "h", "is longer than a hundred years"),
        ("-1s", "is negative"),
    ],
)
def test_what_is_beyond_measure(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_duration(text)


def test_limits_are_told() -> None:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert parse_duration("60s", least=minute, most=hour) == minute
    assert parse_duration("1h", least=minute, most=hour) == hour
    with pytest.raises(ValueError, match="'59s' must be at least 1m"):
        parse_duration("59s", least=minute, most=hour)
    with pytest.raises(ValueError, match="'61m' must be at most 1h"):
        parse_duration("61m", least=minute, most=hour)
    assert parse_duration("-1.5s", least=-LONGEST) == timedelta(seconds=-1.5)


@pytest.mark.parametrize(
    "text", ["0s", "90d", "1h30m", "1d2h3m4s", "1.5s", "0.000001s", "36500d", "59m59.999999s"]
)
def test_what_is_written_is_read_back(text: str) -> None:
    assert duration(parse_duration(text)) == text
