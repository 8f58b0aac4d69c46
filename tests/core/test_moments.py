"""Microseconds and back, exactly."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.core.moments import micros, moment

CENTURIES = st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 31)).map(  # noqa: DTZ001 - made aware next
    lambda when: when.replace(tzinfo=UTC)
)


@given(CENTURIES)
def test_a_time_survives_the_way_there_and_back(when: datetime) -> None:
    assert moment(micros(when)) == when


@given(CENTURIES)
def test_neighbours_stay_apart(when: datetime) -> None:
    assert micros(when + timedelta(microseconds=1)) == micros(when) + 1


def test_nothing_lies_behind_the_calendar_s_end() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    assert moment(micros(last)) == moment(micros(last) + 1) == moment(10**30) == last


def test_the_zone_does_not_matter() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert micros(noon.astimezone(timezone(timedelta(hours=5, minutes=45)))) == micros(noon)
