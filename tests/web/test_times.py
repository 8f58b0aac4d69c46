from datetime import UTC, datetime, timedelta, timezone

import pytest

from boruta_farm.web.times import ZERO, format_seconds, format_time, parse_time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23T20:07:42Z", datetime(2026, 11, 23, 20, 7, 42, tzinfo=UTC)),
        ("2026-11-23T20:07:42.5Z", datetime(2026, 11, 23, 20, 7, 42, 500000, tzinfo=UTC)),
        ("2026-11-23T20:07:42.123456999Z", datetime(2026, 11, 23, 20, 7, 42, 123456, tzinfo=UTC)),
        ("2036-01-01T00:00:00+02:00", datetime(2035, 12, 31, 22, tzinfo=UTC)),
        ("2036-12-31T13:00:00.000000001-05:30", datetime(2036, 12, 31, 18, 30, tzinfo=UTC)),
        (ZERO, None),
        ("0001-01-01T00:00:00.000Z", None),
        ("0001-01-01T02:00:00+02:00", None),
        (None, None),
    ],
)
def test_reads_what_go_sends(text: str | None, time: datetime | None) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-11-23",
        "2026-11-23T20:07:42",
        "2026-11-23 20:07:42Z",
        "2026-11-23t20:07:42z",
        "20261123T200742Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T20:07:60Z",
        "2026-11-23T20:07:42.Z",
        "2026-11-23T20:07:42Z\n",
        "٢٠٢٦-11-23T20:07:42Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+02:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 50, tzinfo=UTC), "2026-01-02T03:04:50Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 120000, tzinfo=UTC), "2026-01-02T03:04:05.12Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC), "2026-01-02T03:04:05.000001Z"),
        (datetime(2026, 1, 2, 3, 4, 10, 900000, tzinfo=UTC), "2026-01-02T03:04:10.9Z"),
        (datetime(1, 1, 1, tzinfo=UTC), ZERO),
        (
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-02T01:04:05Z",
        ),
    ],
)
def test_prints_as_go_does(time: datetime, text: str) -> None:
    assert format_time(time) == text


def test_prints_whole_seconds_cut_not_rounded() -> None:
    assert format_seconds(datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=UTC)) == (
        "2026-01-02T03:04:05Z"
    )
