import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from boruta_farm.cli.moments import parse_moment

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def zone(utc: None) -> None:
    """Let the local zone be UTC."""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 1, 31, 14, tzinfo=UTC)),
        ("2026-01-31T18:30", datetime(2026, 1, 31, 18, 30, tzinfo=UTC)),
        ("2026-01-31 18:30:05", datetime(2026, 1, 31, 18, 30, 5, tzinfo=UTC)),
        ("2026-02-01", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-01-31T18:30+02:00", datetime(2026, 1, 31, 16, 30, tzinfo=UTC)),
        ("2026-01-31T18:30Z", datetime(2026, 1, 31, 18, 30, tzinfo=UTC)),
        ("2h30", datetime(2026, 1, 31, 14, 30, tzinfo=UTC)),
        ("1d", datetime(2026, 2, 1, 12, tzinfo=UTC)),
        ("18:30", datetime(2026, 1, 31, 18, 30, tzinfo=UTC)),
        ("18:30:05", datetime(2026, 1, 31, 18, 30, 5, tzinfo=UTC)),
        ("today 18:30", datetime(2026, 1, 31, 18, 30, tzinfo=UTC)),
        ("today 9:00", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("tomorrow 9:00", datetime(2026, 2, 1, 9, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == (moment, None)


@pytest.mark.parametrize("text", ["9:00", "12:00"])
def test_a_time_of_day_that_is_over_is_tomorrows_and_says_so(text: str) -> None:
    at, note = parse_moment(text, NOW)
    assert at == datetime(2026, 2, 1, int(text.partition(":")[0]), tzinfo=UTC)
    assert note == f"{text} is over today: tomorrow's is taken"


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the local zone be one that puts its clocks forward and back."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "beside"),
    [
        ("2027-03-28T02:30", "2027-03-28T01:30 or 2027-03-28T03:30"),
        ("2027-03-28T02:00", "2027-03-28T01:00 or 2027-03-28T03:00"),
        ("2027-03-28 02:59:59", "2027-03-28T01:59 or 2027-03-28T03:59"),
    ],
)
def test_a_time_that_clocks_skip_is_refused_with_those_beside_it(text: str, beside: str) -> None:
    with pytest.raises(ValueError, match=f"does not exist here.*write {beside}$"):
        parse_moment(text, NOW)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "now"),
    [
        ("2:30", datetime(2027, 3, 28, 0, 10, tzinfo=UTC)),
        ("tomorrow 2:30", datetime(2027, 3, 27, 12, tzinfo=UTC)),
        ("2:30", datetime(2027, 3, 27, 12, tzinfo=UTC)),
    ],
)
def test_a_time_of_day_that_clocks_skip_is_refused_too(text: str, now: datetime) -> None:
    with pytest.raises(ValueError, match=r"does not exist here.*or 2027-03-28T03:30$"):
        parse_moment(text, now)


@pytest.mark.usefixtures("berlin")
def test_a_time_of_day_is_local() -> None:
    assert parse_moment("18:00", NOW).at == datetime(2026, 1, 31, 17, tzinfo=UTC)
    late = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    assert parse_moment("tomorrow 9:00", late).at == datetime(2026, 2, 2, 8, tzinfo=UTC)


@pytest.mark.usefixtures("berlin")
def test_a_time_that_comes_twice_is_the_earlier_one_and_says_so() -> None:
    at, note = parse_moment("2027-10-31T02:30", NOW)
    assert at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert note is not None
    assert "the earlier one is taken, 2027-10-31T02:30+02:00" in note
    assert note.endswith("the later one is 2027-10-31T02:30+01:00")


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-03-28T01:59:59", datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC)),
        ("2027-03-28T03:00", datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ("2027-03-28T02:30+01:00", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        ("2027-10-31T02:30+01:00", datetime(2027, 10, 31, 1, 30, tzinfo=UTC)),
        ("2027-10-31T03:00", datetime(2027, 10, 31, 2, tzinfo=UTC)),
    ],
)
def test_times_beside_a_change_of_clocks_are_as_typed(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == (moment, None)


@pytest.mark.parametrize(
    "text", ["soon", "25:00", "9:60", "18", "tomorrow", "yesterday 9:00", "0001-01-01T00:00+14:00"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2h"):
        parse_moment(text, NOW)


def test_a_moment_beyond_measure_is_told() -> None:
    with pytest.raises(ValueError, match="is longer than a hundred years"):
        parse_moment("99999999999d", NOW)
