"""When a board counts as unused, when its holder is warned, and when it is taken."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core import idling, jobs, requests
from boruta_farm.model.errors import LengthError, StaleEpochError
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.settings import FarmSettings
from tests.core.conftest import Stage
from tests.core.world import NOW, UUID, DictWorld

MINUTE = timedelta(minutes=1)
BOARD = UUID.format(1)


def at(minutes: float) -> timedelta:
    return minutes * MINUTE


def running(world: DictWorld, own: timedelta | None = None) -> int:
    """Let a request run on a board; return the job's epoch."""
    stage = Stage(world)
    uuid = stage.idle()
    number = stage.waiting(NewRequest(caps={}, priority=8, idle_end=own))
    world.apply(jobs.grant(world, world.grant_of(number, uuid), NOW))
    return world.workers[uuid].epoch


def farm(minutes: float = 0) -> DictWorld:
    return DictWorld(FarmSettings(idle_end=at(minutes)))


def the(world: DictWorld) -> Request:
    return world.requests[1]


@pytest.mark.parametrize(
    ("farms", "own", "counts"),
    [
        (0, None, None),
        (30, None, 30),
        (0, 10, 10),
        (30, 10, 10),
        (30, 60, 30),
    ],
)
def test_a_request_asks_for_less_than_the_farm_allows_never_for_more(
    farms: float, own: float | None, counts: float | None
) -> None:
    world = farm(farms)
    running(world, None if own is None else at(own))
    found = idling.idle_end(the(world), world.settings)
    assert found == (None if counts is None else at(counts))


def test_less_than_can_be_told_is_refused(world: DictWorld) -> None:
    with pytest.raises(LengthError, match="IdleEnd is 5m at least"):
        Stage(world).waiting(NewRequest(caps={}, priority=8, idle_end=at(4.9)))


def test_off_nothing_is_noted_and_nobody_is_warned(world: DictWorld) -> None:
    epoch = running(world)
    for when in (NOW, NOW + at(600)):
        assert not idling.is_idle(the(world), world.settings, when)
        assert not idling.used(world, BOARD, epoch, when, when).steps
        assert not idling.warn(world, BOARD, epoch, when).steps


def test_who_does_not_use_his_board_is_warned_then_it_is_taken() -> None:
    world = farm(20)
    epoch = running(world)
    assert not idling.warn(world, BOARD, epoch, NOW + at(19.9)).steps
    world.apply(idling.warn(world, BOARD, epoch, NOW + at(20)))
    assert the(world).idle_ends == NOW + at(25)
    assert world.told[-1] is EventKind.REQUEST_IDLE
    assert not idling.warn(world, BOARD, epoch, NOW + at(21)).steps, "once is enough"
    assert not idling.end(world, BOARD, epoch, NOW + at(24.9), wanted=True).steps
    late = timedelta(milliseconds=878)
    world.apply(idling.end(world, BOARD, epoch, NOW + at(25) + late, wanted=True))
    assert the(world).state is RequestState.DONE
    assert the(world).reason == (
        "its board was not used for 25m while somebody waited for it (idle_end)"
    )


def test_use_makes_a_warning_void_and_counts_from_then() -> None:
    world = farm(20)
    epoch = running(world)
    world.apply(idling.warn(world, BOARD, epoch, NOW + at(20)))
    world.apply(idling.used(world, BOARD, epoch, NOW + at(21), NOW + at(21)))
    assert (the(world).idle_ends, the(world).used_at) == (None, NOW + at(21))
    assert not idling.end(world, BOARD, epoch, NOW + at(30), wanted=True).steps
    assert not idling.warn(world, BOARD, epoch, NOW + at(40.9)).steps
    assert idling.warn(world, BOARD, epoch, NOW + at(41)).steps


def test_use_is_written_down_four_times_within_the_span_at_most() -> None:
    world = farm(20)
    epoch = running(world)
    assert not idling.used(world, BOARD, epoch, NOW + at(4.9), NOW + at(4.9)).steps
    world.apply(idling.used(world, BOARD, epoch, NOW + at(5), NOW + at(5)))
    assert not idling.used(world, BOARD, epoch, NOW + at(9.9), NOW + at(9.9)).steps
    assert idling.used(world, BOARD, epoch, NOW + at(10), NOW + at(10)).steps


def test_whom_nobody_waits_for_any_more_keeps_his_board() -> None:
    world = farm(20)
    epoch = running(world)
    world.apply(idling.warn(world, BOARD, epoch, NOW + at(20)))
    world.apply(idling.end(world, BOARD, epoch, NOW + at(25), wanted=False))
    assert the(world).state is RequestState.IN_PROGRESS
    assert the(world).idle_ends is None


def test_what_was_used_in_an_earlier_job_counts_for_nothing() -> None:
    world = farm(20)
    running(world)
    world.requests[1] = replace(the(world), used_at=NOW - at(1))
    assert idling.idle_since(the(world)) == NOW


def test_words_of_an_ended_job_are_stale() -> None:
    world = farm(20)
    epoch = running(world)
    world.apply(requests.close(world, 1, NOW))
    with pytest.raises(StaleEpochError):
        idling.used(world, BOARD, epoch, NOW + at(29), NOW + at(30))
    with pytest.raises(StaleEpochError):
        idling.warn(world, BOARD, epoch, NOW + at(30))
    with pytest.raises(StaleEpochError):
        idling.end(world, BOARD, epoch, NOW + at(30), wanted=True)


def test_use_counts_from_when_it_was_whenever_it_is_written_down() -> None:
    world = farm(20)
    epoch = running(world)
    world.apply(idling.used(world, BOARD, epoch, NOW + at(4), NOW + at(5)))
    assert the(world).used_at == NOW + at(4)
    assert not idling.warn(world, BOARD, epoch, NOW + at(23.9)).steps
    world.apply(idling.warn(world, BOARD, epoch, NOW + at(24)))
    # What was before the warning does not make it void, and goes back to nothing.
    world.apply(idling.used(world, BOARD, epoch, NOW + at(23), NOW + at(25)))
    assert the(world).idle_ends == NOW + at(29)
    assert not idling.used(world, BOARD, epoch, NOW + at(3), NOW + at(26)).steps
