import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from boruta_farm.words.durations import age, duration, rough
from boruta_farm.words.times import Times

NOW = datetime(2026, 1, 31, 22, 30, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        (NOW, "22:30 UTC"),
        (NOW + HOUR, "23:30 UTC"),
        (NOW + 2 * HOUR, "2026-02-01 00:30 UTC"),
        (NOW - 23 * HOUR, "2026-01-30 23:30 UTC"),
    ],
)
def test_the_day_is_told_where_it_is_another(when: datetime, told: str) -> None:
    assert Times(now=NOW).moment(when) == told


def test_a_moment_stands_in_its_reader_s_zone() -> None:
    berlin = Times(now=NOW, zone=ZoneInfo("Europe/Berlin"))
    assert berlin.moment(NOW + HOUR) == "2026-02-01 00:30 CET"
    assert berlin.moment(NOW + 180 * DAY) == "2026-07-31 00:30 CEST"


@pytest.mark.parametrize(
    ("when", "zone", "told"),
    [
        (LAST, "Europe/Berlin", "9999-12-31 23:59 UTC"),
        (LAST, "America/New_York", "9999-12-31 18:59 EST"),
        (FIRST, "America/New_York", "0001-01-01 00:00 UTC"),
    ],
)
def test_the_calendar_s_ends_are_told_to_everybody(when: datetime, zone: str, told: str) -> None:
    assert Times(now=NOW, zone=ZoneInfo(zone)).moment(when) == told


@pytest.mark.parametrize("when", [FIRST, LAST])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_nor_does_one_s_own_machine_stumble_over_them(
    when: datetime, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        assert Times(now=NOW, zone=None).moment(when)
    time.tzset()


@pytest.mark.usefixtures("utc")
def test_the_zone_of_one_s_own_machine_needs_no_name() -> None:
    assert Times(now=NOW, zone=None).moment(NOW + HOUR) == "23:30"


@pytest.mark.usefixtures("utc")
def test_what_happened_is_told_to_the_second() -> None:
    when = NOW + timedelta(seconds=7)
    assert Times(now=NOW).second(when) == "22:30:07 UTC"
    assert Times(now=NOW + DAY, zone=None).second(when) == "2026-01-31 22:30:07"
    assert Times(now=NOW, zone=None).second(when, dated=True) == "2026-01-31 22:30:07"


def test_where_there_is_room_it_is_told_how_far_away_a_moment_is() -> None:
    wide = Times(now=NOW, distance=True)
    assert wide.moment(NOW + 65 * MINUTE) == "23:35 UTC, in 1h5m"
    assert wide.moment(NOW - 5 * MINUTE) == "22:25 UTC, 5m ago"
    assert wide.range(NOW, NOW + HOUR) == "between now and 23:30 UTC (within 1h)"
    range_ = wide.range(NOW + 5 * MINUTE, NOW + HOUR)
    assert range_ == "between 22:35 and 23:30 UTC (in 5m to 1h)"


@pytest.mark.parametrize(
    ("earliest", "latest", "told"),
    [
        (0, 0.5, "within a minute"),
        (0, 10, "between now and 22:40 UTC"),
        (5, 10, "between 22:35 and 22:40 UTC"),
        (5, 5, "at 22:35 UTC"),
        (85, 95, "between 23:55 and 2026-02-01 00:05 UTC"),
    ],
)
def test_a_range_names_its_zone_once(earliest: float, latest: float, told: str) -> None:
    assert Times(now=NOW).range(NOW + earliest * MINUTE, NOW + latest * MINUTE) == told


@pytest.mark.parametrize(
    ("span", "exact", "roughly", "old"),
    [
        (timedelta(seconds=25), "25s", "25s", "25s"),
        (timedelta(seconds=0.5), "0.5s", "0s", "0s"),
        (timedelta(0), "0s", "0s", "0s"),
        (timedelta(minutes=65, seconds=9), "1h5m9s", "1h5m", "1h"),
        (HOUR, "1h", "1h", "1h"),
        (DAY + 3 * HOUR + MINUTE, "1d3h1m", "1d3h", "1d"),
        (30 * DAY + MINUTE, "30d1m", "30d", "30d"),
        (timedelta(seconds=-90), "-1m30s", "0s", "0s"),
        (timedelta(microseconds=1), "0.000001s", "0s", "0s"),
    ],
)
def test_durations(span: timedelta, exact: str, roughly: str, old: str) -> None:
    assert (duration(span), rough(span), age(span)) == (exact, roughly, old)
