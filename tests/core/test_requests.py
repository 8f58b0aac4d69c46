"""Requests: filed, changed, closed, timed out, orphaned."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from boruta_farm.core import jobs, requests
from boruta_farm.core.calendar import one_month_after
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import (
    DeadlineInPastError,
    IdempotencyError,
    KeepAliveError,
    LimitError,
    PriorityError,
    RequestNotFoundError,
    RequestStateError,
    SSHKeyError,
    TimeRangeError,
)
from boruta_farm.model.request import NewRequest, RequestState, RequestUpdate
from boruta_farm.model.worker import WorkerState
from tests.core.conftest import Stage
from tests.core.world import HOUR, NOW, SECOND, DictWorld

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def new(priority: int = 8, **values: object) -> NewRequest:
    return NewRequest(caps={"arch": "arm"}, priority=priority, **values)  # type: ignore[arg-type]  # short test calls


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 12, 24, tzinfo=UTC)),
        (datetime(2026, 12, 24, tzinfo=UTC), datetime(2027, 1, 24, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)),
        (datetime(2028, 1, 31, tzinfo=UTC), datetime(2028, 3, 2, tzinfo=UTC)),
    ],
)
def test_default_deadline_is_one_calendar_month(day: datetime, expected: datetime) -> None:
    assert one_month_after(day) == expected


def test_new_request_waits_with_defaults(world: DictWorld) -> None:
    request_id = world.apply(requests.create(world, LOCAL_ADMIN, new(), NOW)).id
    request = world.requests[request_id]
    assert (request.state, request.owner) == (RequestState.WAITING, "admin")
    assert (request.valid_after, request.deadline) == (NOW, one_month_after(NOW))


@pytest.mark.parametrize("days", [-60, 0, 20, 60])
def test_the_default_deadline_counts_from_when_a_request_may_be_granted(
    world: DictWorld, days: int
) -> None:
    valid_after = NOW + timedelta(days=days)
    wish = new(valid_after=valid_after)
    request_id = world.apply(requests.create(world, LOCAL_ADMIN, wish, NOW)).id
    assert world.requests[request_id].deadline == one_month_after(max(valid_after, NOW))


def test_the_default_deadline_ends_with_the_calendar(world: DictWorld) -> None:
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    wish = new(valid_after=last)
    assert requests.create(world, LOCAL_ADMIN, wish, NOW).answer.deadline >= last


@pytest.mark.parametrize("priority", [0, 17, -1])
def test_priority_must_be_1_to_16(world: DictWorld, priority: int) -> None:
    with pytest.raises(PriorityError):
        requests.create(world, LOCAL_ADMIN, new(priority), NOW)


def test_times_are_checked_only_against_a_given_deadline(world: DictWorld) -> None:
    with pytest.raises(DeadlineInPastError):
        requests.create(world, LOCAL_ADMIN, new(deadline=NOW - SECOND), NOW)
    with pytest.raises(TimeRangeError):
        requests.create(world, LOCAL_ADMIN, new(deadline=NOW, valid_after=NOW + SECOND), NOW)
    far = NOW + timedelta(days=4000)
    assert requests.create(world, LOCAL_ADMIN, new(valid_after=far), NOW).answer.id == 1


@pytest.mark.parametrize(
    "key", ["", "ssh-rsa", "ssh-rsa !!!", ED25519.replace("ed25519", "rsa", 1), "x" * 9000]
)
def test_own_key_must_parse(world: DictWorld, key: str) -> None:
    if key:
        with pytest.raises(SSHKeyError):
            requests.create(world, LOCAL_ADMIN, new(ssh_key=key), NOW)
    stored = world.apply(
        requests.create(world, LOCAL_ADMIN, new(ssh_key=ED25519 + " Büro @ Köln\n"), NOW)
    ).id
    assert world.requests[stored].ssh_key == ED25519


@pytest.mark.parametrize(("seconds", "good"), [(9, False), (10, True), (3600, True), (3601, False)])
def test_keep_alive_range(world: DictWorld, seconds: int, good: bool) -> None:
    if good:
        assert requests.create(world, LOCAL_ADMIN, new(keep_alive=seconds), NOW).answer
    else:
        with pytest.raises(KeepAliveError):
            requests.create(world, LOCAL_ADMIN, new(keep_alive=seconds), NOW)


def test_capabilities_are_limited(world: DictWorld) -> None:
    many = NewRequest(caps={str(n): "" for n in range(300)}, priority=8)
    with pytest.raises(LimitError, match="max_caps"):
        requests.create(world, LOCAL_ADMIN, many, NOW)
    long = NewRequest(caps={"a": "x" * 5000}, priority=8)
    with pytest.raises(LimitError, match="max_cap_length"):
        requests.create(world, LOCAL_ADMIN, long, NOW)


def test_idempotency_key_answers_with_the_first_id(world: DictWorld) -> None:
    once = new(idempotency_key="k", body_hash="h")
    first = world.apply(requests.create(world, LOCAL_ADMIN, once, NOW))
    again = world.apply(requests.create(world, LOCAL_ADMIN, once, NOW))
    assert (again, len(world.requests)) == (first, 1)
    with pytest.raises(IdempotencyError):
        requests.create(world, LOCAL_ADMIN, new(idempotency_key="k", body_hash="other"), NOW)


def test_the_first_of_several_faults_is_the_originals(world: DictWorld) -> None:
    past, far = NOW - HOUR, NOW + timedelta(days=900)
    new = NewRequest(caps=None, priority=17, deadline=past, valid_after=far)
    with pytest.raises(DeadlineInPastError):
        requests.create(world, LOCAL_ADMIN, new, NOW)
    with pytest.raises(TimeRangeError):
        requests.create(world, LOCAL_ADMIN, replace(new, deadline=NOW + HOUR), NOW)
    with pytest.raises(PriorityError):
        requests.create(world, LOCAL_ADMIN, replace(new, deadline=None), NOW)


def test_update_follows_the_original(world: DictWorld, stage: Stage) -> None:
    request_id = stage.waiting()
    world.apply(requests.update(world, request_id, RequestUpdate(priority=3), NOW))
    assert world.requests[request_id].priority == 3
    far = NOW + timedelta(days=400)
    with pytest.raises(TimeRangeError):
        requests.update(world, request_id, RequestUpdate(valid_after=far), NOW)
    both = RequestUpdate(valid_after=NOW + 5 * HOUR, deadline=NOW + 9 * HOUR)
    world.apply(requests.update(world, request_id, both, NOW))
    world.apply(requests.update(world, request_id, RequestUpdate(deadline=NOW + HOUR), NOW))
    assert world.requests[request_id].deadline == NOW + HOUR


def test_empty_update_succeeds_even_for_unknown_ids(world: DictWorld) -> None:
    assert requests.update(world, 99, RequestUpdate(priority=0), NOW).steps == ()
    with pytest.raises(RequestNotFoundError):
        requests.update(world, 99, RequestUpdate(priority=3), NOW)


def test_close_cancels_then_refuses(world: DictWorld, stage: Stage) -> None:
    request_id = stage.waiting()
    world.apply(requests.close(world, request_id, NOW))
    assert world.requests[request_id].state is RequestState.CANCELLED
    assert world.requests[request_id].finished == NOW
    with pytest.raises(RequestStateError):
        requests.close(world, request_id, NOW)
    with pytest.raises(RequestStateError):
        requests.update(world, request_id, RequestUpdate(priority=1), NOW)
    with pytest.raises(RequestNotFoundError):
        requests.close(world, 99, NOW)


def test_close_running_takes_the_board_back(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = stage.idle(), stage.waiting()
    world.apply(jobs.grant(world, world.grant_of(request_id, uuid), NOW))
    epoch = world.workers[uuid].epoch
    world.apply(requests.close(world, request_id, NOW + HOUR))
    request = world.requests[request_id]
    assert request.state is RequestState.DONE
    assert request.job is not None
    assert request.job.ended == NOW + HOUR
    assert (world.workers[uuid].state, world.workers[uuid].epoch) == (
        WorkerState.PREPARE,
        epoch + 1,
    )
    assert (uuid, epoch) not in world.keys


def test_deadline_times_out_exactly_when_reached(world: DictWorld, stage: Stage) -> None:
    request_id = stage.waiting(new(deadline=NOW + HOUR))
    assert not requests.expire(world, request_id, NOW + HOUR - SECOND).answer
    assert world.apply(requests.expire(world, request_id, NOW + HOUR))
    assert world.requests[request_id].state is RequestState.TIMEOUT
    assert not requests.expire(world, request_id, NOW + HOUR).answer
    assert not requests.expire(world, 99, NOW).answer


def test_orphans_become_invalid_unless_adopted(world: DictWorld, stage: Stage) -> None:
    lost, kept = stage.waiting(), stage.waiting()
    for request_id in (lost, kept):
        assert world.apply(requests.orphan(world, request_id, NOW))
        assert not requests.orphan(world, request_id, NOW).answer
    assert world.apply(requests.adopt(world, kept, NOW))
    later = NOW + world.settings.invalid_after
    assert not requests.invalidate(world, lost, later - SECOND).answer
    assert world.apply(requests.invalidate(world, lost, later))
    assert not requests.invalidate(world, kept, later).answer
    assert world.requests[lost].state is RequestState.INVALID
    assert world.requests[kept].state is RequestState.WAITING
