from datetime import UTC, datetime

import pytest

from boruta_farm.cli.durations import parse_moment

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
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["soon", "18:30", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2h"):
        parse_moment(text, NOW)


def test_a_moment_beyond_measure_is_told() -> None:
    with pytest.raises(ValueError, match="is longer than a hundred years"):
        parse_moment("99999999999d", NOW)
