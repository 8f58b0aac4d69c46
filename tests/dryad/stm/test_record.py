import asyncio
from datetime import timedelta

import pytest

from boruta_farm.dryad.stm.errors import ArgumentError, ControllerError, SilenceError
from boruta_farm.dryad.stm.record import CurrentRecord
from boruta_farm.testing.loop import run_virtual


class Sensor:
    """Count readings, each of which takes a while; the listed ones fail."""

    def __init__(self, *, seconds: float = 0.0, failing: tuple[int, ...] = ()) -> None:
        self.times: list[float] = []
        self._seconds = seconds
        self._failing = failing

    async def read(self) -> int:
        self.times.append(round(asyncio.get_running_loop().time(), 6))
        await asyncio.sleep(self._seconds)
        number = len(self.times)
        if number in self._failing:
            raise SilenceError
        return number


def test_samples_are_spread_over_the_length() -> None:
    async def play() -> None:
        sensor = Sensor()
        record = CurrentRecord(sensor.read)
        await record.start(4, timedelta(seconds=60))
        assert record.samples() == ()
        await asyncio.sleep(31)
        assert record.samples() == (1, 2)
        await asyncio.sleep(1000)
        assert record.samples() == (1, 2, 3, 4)
        assert sensor.times == [15, 30, 45, 60]
        await record.stop()

    run_virtual(play())


def test_a_failed_reading_is_minus_one() -> None:
    async def play() -> None:
        record = CurrentRecord(Sensor(failing=(2,)).read)
        await record.start(3, timedelta(seconds=3))
        await asyncio.sleep(4)
        assert record.samples() == (1, -1, 3)

    run_virtual(play())


def test_late_readings_do_not_pile_up() -> None:
    async def play() -> None:
        sensor = Sensor(seconds=2.5)
        record = CurrentRecord(sensor.read)
        await record.start(3, timedelta(seconds=3))
        await asyncio.sleep(20)
        assert sensor.times == [1, 3.5, 6]

    run_virtual(play())


def test_stopping_keeps_the_samples_and_is_always_fine() -> None:
    async def play() -> None:
        record = CurrentRecord(Sensor(seconds=0.5).read)
        await record.stop()
        await record.start(10, timedelta(seconds=10))
        await asyncio.sleep(2.1)
        await record.stop()
        await record.stop()
        assert record.samples() == (1, 2)
        assert len(asyncio.all_tasks()) == 1

    run_virtual(play())


def test_a_new_record_replaces_the_old() -> None:
    async def play() -> None:
        sensor = Sensor()
        record = CurrentRecord(sensor.read)
        await record.start(10, timedelta(seconds=10))
        await asyncio.sleep(2.5)
        await record.start(2, timedelta(seconds=2))
        await asyncio.sleep(5)
        assert record.samples() == (3, 4)
        assert len(sensor.times) == 4

    run_virtual(play())


def test_there_is_nothing_before_the_first_record() -> None:
    with pytest.raises(ControllerError, match="no sample was recorded"):
        CurrentRecord(Sensor().read).samples()


@pytest.mark.parametrize(
    ("samples", "seconds"),
    [(0, 60), (-1, 60), (100_001, 10**6), (1000, 2.9), (1, 0), (1, -1), (120, -60)],
)
def test_records_that_cannot_be_are_refused_and_harm_nothing(samples: int, seconds: float) -> None:
    async def play() -> None:
        record = CurrentRecord(Sensor().read)
        await record.start(2, timedelta(seconds=2))
        with pytest.raises(ArgumentError):
            await record.start(samples, timedelta(seconds=seconds))
        await asyncio.sleep(5)
        assert record.samples() == (1, 2)

    run_virtual(play())
