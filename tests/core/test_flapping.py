"""Boards that recover again and again are put aside."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core import workers
from boruta_farm.core.flapping import recover, take_back
from boruta_farm.core.registration import register
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker, WorkerState
from tests.core.conftest import Stage
from tests.core.world import NOW, DictWorld, registration

MINUTE = timedelta(minutes=1)
SETTINGS = FarmSettings()
FAILED, PREPARE, BUSY = WorkerState.FAILED, WorkerState.PREPARE, WorkerState.BUSY


@pytest.fixture
def broken(world: DictWorld, stage: Stage) -> Worker:
    return replace(world.workers[stage.idle()], state=FAILED, reason="hot")


def test_three_recoveries_within_an_hour_are_forgiven(broken: Worker) -> None:
    worker = broken
    for number in range(3):
        worker = recover(worker, SETTINGS, NOW + number * MINUTE)
        assert worker.state is PREPARE
        worker = replace(worker, state=FAILED, reason="hot")
    worker = recover(worker, SETTINGS, NOW + 3 * MINUTE)
    assert (worker.state, worker.idle_again) == (BUSY, False)
    assert worker.reason == ("put aside: recovered 3 times within 1h and failed again (hot)")


def test_old_recoveries_are_forgotten(broken: Worker) -> None:
    old = tuple(NOW - timedelta(minutes=61 + number) for number in range(5))
    worker = recover(replace(broken, recoveries=old), SETTINGS, NOW)
    assert (worker.state, worker.recoveries) == (PREPARE, (NOW,))


@pytest.mark.parametrize(
    ("limit", "words"), [(1, "recovered once within 5m"), (2, "recovered 2 times within 5")]
)
def test_number_and_time_are_settings(broken: Worker, limit: int, words: str) -> None:
    settings = FarmSettings(flap_recoveries=limit, flap_within=5 * MINUTE)
    worker = replace(broken, recoveries=(NOW - MINUTE,) * limit)
    assert words in (recover(worker, settings, NOW).reason or "")


def test_zero_forgives_any_number(broken: Worker) -> None:
    settings = FarmSettings(flap_recoveries=0)
    worker = replace(broken, recoveries=(NOW - MINUTE,) * 99)
    assert recover(worker, settings, NOW).state is PREPARE


def test_a_recovery_that_fails_while_preparing_does_not_count(broken: Worker) -> None:
    worker = recover(broken, SETTINGS, NOW)
    assert take_back(worker).recoveries == ()
    idle = replace(worker, state=WorkerState.IDLE, since=NOW + MINUTE)
    assert take_back(idle).recoveries == (NOW,)
    later = replace(worker, since=NOW + MINUTE)
    assert take_back(later).recoveries == (NOW,), "a preparation after a job is no recovery"


def test_registering_again_is_a_recovery_too(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    known = world.workers[uuid]
    world.workers[uuid] = replace(known, state=FAILED, recoveries=(NOW,) * 3)
    again = registration(1, epoch=known.epoch)
    assert again.caps["UUID"] == uuid
    world.apply(register(world, replace(again, caps=known.caps), NOW + MINUTE))
    assert world.workers[uuid].state is BUSY


def test_an_admin_who_sends_it_to_idle_starts_over(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    resting = replace(world.workers[uuid], state=WorkerState.MAINTENANCE, recoveries=(NOW,) * 3)
    world.workers[uuid] = resting
    world.apply(workers.set_state(world, uuid, WorkerState.IDLE, NOW))
    assert world.workers[uuid].recoveries == ()
