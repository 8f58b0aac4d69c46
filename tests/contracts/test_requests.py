"""What every implementation of Requests promises."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardActError,
    DeadlineInPastError,
    IdempotencyError,
    InvalidError,
    KeepAliveError,
    LengthError,
    PriorityError,
    ProlongLimitError,
    RequestNotFoundError,
    RequestStateError,
    SelectorError,
    SSHKeyError,
    TimeRangeError,
    TooManyCallsError,
    WorkerNotAssignedError,
)
from boruta_farm.model.explanation import Cause
from boruta_farm.model.request import MoreTime, NewRequest, RequestState, RequestUpdate
from boruta_farm.testing.boards import Manner
from boruta_farm.words.explanation import line
from boruta_farm.words.times import Times
from tests.contracts.scene import scene
from tests.contracts.stage import CALLER, UUID, Stage
from tests.core.test_requests import ED25519

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
PLAIN = NewRequest(caps={}, priority=8)


@scene
async def test_a_new_request_waits_with_the_defaults(stage: Stage) -> None:
    filed = stage.now()
    request_id = await stage.filed({"a": "1"}, priority=4)
    request = await stage.requests.get_request_info(CALLER, request_id)
    assert (request.id, request.priority, request.caps) == (request_id, 4, {"a": "1"})
    assert request.state is RequestState.WAITING
    assert abs(request.valid_after - filed) < SECOND
    assert request.deadline == request.valid_after.replace(month=2), "one calendar month later"
    assert request.job is None
    assert request.owner_groups is None


@scene
async def test_a_request_keeps_what_was_said(stage: Stage) -> None:
    new = NewRequest(
        caps=None,
        priority=1,
        valid_after=stage.now() + HOUR,
        deadline=stage.now() + 2 * HOUR + timedelta(microseconds=7),
        ssh_key=ED25519,
        keep_alive=60,
    )
    request = await stage.requests.get_request_info(
        CALLER, (await stage.requests.new_request(CALLER, new)).id
    )
    assert (request.caps, request.ssh_key, request.keep_alive) == (None, ED25519, 60)
    assert (request.valid_after, request.deadline) == (new.valid_after, new.deadline)


@scene
async def test_ids_rise(stage: Stage) -> None:
    ids = [await stage.filed() for _ in range(3)]
    assert ids == sorted(set(ids))


NOW = datetime(2026, 1, 1, tzinfo=UTC)


REFUSED = [
    (NewRequest(caps={}, priority=17), PriorityError),
    (NewRequest(caps={}, priority=0), PriorityError),
    (NewRequest(caps={}, priority=8, deadline=NOW - HOUR), DeadlineInPastError),
    (
        NewRequest(caps={}, priority=8, valid_after=NOW + 2 * HOUR, deadline=NOW + HOUR),
        TimeRangeError,
    ),
    (NewRequest(caps={}, priority=8, ssh_key="ssh-ed25519 nonsense"), SSHKeyError),
    (NewRequest(caps={}, priority=8, keep_alive=9), KeepAliveError),
    (NewRequest(caps={}, priority=8, keep_alive=3601), KeepAliveError),
]


@scene
async def test_what_cannot_be_filed(stage: Stage) -> None:
    for new, error in REFUSED:
        with pytest.raises(error) as caught:
            await stage.requests.new_request(CALLER, new)
        assert type(caught.value) is error, new
    assert (await stage.requests.list_requests(CALLER)).total == 0


@scene
async def test_an_idempotency_key_files_once(stage: Stage) -> None:
    new = NewRequest(caps={}, priority=8, idempotency_key="k", body_hash="1")
    first = (await stage.requests.new_request(CALLER, new)).id
    assert (await stage.requests.new_request(CALLER, new)).id == first
    other = NewRequest(caps={}, priority=9, idempotency_key="k", body_hash="2")
    with pytest.raises(IdempotencyError):
        await stage.requests.new_request(CALLER, other)
    assert (await stage.requests.list_requests(CALLER)).total == 1


@scene
async def test_update_changes_what_is_named(stage: Stage) -> None:
    request_id = await stage.filed()
    before = await stage.requests.get_request_info(CALLER, request_id)
    await stage.requests.update_request(CALLER, request_id, RequestUpdate(priority=3))
    deadline = stage.now() + HOUR
    await stage.requests.update_request(CALLER, request_id, RequestUpdate(deadline=deadline))
    after = await stage.requests.get_request_info(CALLER, request_id)
    assert (after.priority, after.deadline) == (3, deadline)
    assert after.valid_after == before.valid_after


@scene
async def test_update_changes_what_is_asked_for(stage: Stage) -> None:
    request_id = await stage.filed()
    update = RequestUpdate(caps={"board": "x"}, selector="ram >= 2", keep_alive=30)
    await stage.requests.update_request(CALLER, request_id, update)
    changed = await stage.requests.get_request_info(CALLER, request_id)
    assert (changed.caps, changed.selector) == ({"board": "x"}, "ram >= 2")
    assert changed.keep_alive == 30
    away = RequestUpdate(caps={}, selector="", keep_alive=0)
    await stage.requests.update_request(CALLER, request_id, away)
    bare = await stage.requests.get_request_info(CALLER, request_id)
    assert (bare.required, bare.selector, bare.keep_alive) == ({}, None, None)
    with pytest.raises(SelectorError):
        await stage.requests.update_request(CALLER, request_id, RequestUpdate(selector="("))


@scene
async def test_update_that_is_refused(stage: Stage) -> None:
    request_id = await stage.filed()
    for update, error in (
        (RequestUpdate(priority=17), PriorityError),
        (RequestUpdate(deadline=stage.now() - HOUR), DeadlineInPastError),
        (
            RequestUpdate(valid_after=stage.now() + 2 * HOUR, deadline=stage.now() + HOUR),
            TimeRangeError,
        ),
    ):
        with pytest.raises(error):
            await stage.requests.update_request(CALLER, request_id, update)
    with pytest.raises(RequestNotFoundError):
        await stage.requests.update_request(CALLER, 99, RequestUpdate(priority=3))
    await stage.requests.update_request(CALLER, 99, RequestUpdate())
    await stage.requests.close_request(CALLER, request_id)
    with pytest.raises(RequestStateError):
        await stage.requests.update_request(CALLER, request_id, RequestUpdate(priority=3))


@scene
async def test_unknown_requests(stage: Stage) -> None:
    for unknown in (99, 0, -1, 2**62):
        for call in (
            stage.requests.get_request_info(CALLER, unknown),
            stage.requests.close_request(CALLER, unknown),
            stage.requests.acquire_worker(CALLER, unknown),
            stage.requests.prolong_access(CALLER, unknown),
            stage.requests.keep_alive(CALLER, unknown),
            stage.requests.note_act(CALLER, unknown, "flash"),
            stage.requests.explain(CALLER, unknown),
        ):
            with pytest.raises(RequestNotFoundError):
                await call


@scene
async def test_close_cancels_or_finishes_once(stage: Stage) -> None:
    waiting = await stage.filed()
    await stage.requests.close_request(CALLER, waiting)
    assert await stage.state(waiting) == "CANCELLED"
    await stage.board(1)
    running = await stage.filed()
    await stage.requests.close_request(CALLER, running)
    finished = await stage.requests.get_request_info(CALLER, running)
    assert finished.state is RequestState.DONE
    assert finished.finished is not None
    assert finished.reason
    assert finished.job is not None, "the last job stays in place"
    for request_id in (waiting, running):
        with pytest.raises(RequestStateError):
            await stage.requests.close_request(CALLER, request_id)
    await stage.farm.settle()
    assert await stage.worker_state(1) == "IDLE"


@scene
async def test_a_running_request_shows_its_job(stage: Stage) -> None:
    await stage.board(1)
    granted = stage.now()
    request = await stage.requests.get_request_info(CALLER, await stage.filed())
    assert request.state is RequestState.IN_PROGRESS
    assert request.job is not None
    assert request.job.worker == UUID.format(1)
    assert abs(request.job.timeout - granted - HOUR) < SECOND
    assert abs(request.job.limit - granted - 2 * HOUR) < SECOND
    assert request.live_job is not None


@scene
async def test_acquire_answers_the_same_at_once(stage: Stage) -> None:
    await stage.board(1)
    request_id = await stage.filed()
    before = await stage.requests.get_request_info(CALLER, request_id)
    access = await stage.requests.acquire_worker(CALLER, request_id)
    assert access == await stage.requests.acquire_worker(CALLER, request_id)
    assert access.key.startswith("private")
    assert (access.username, access.host_key) == ("boruta-user", "ssh-ed25519 HOST")
    worker = await stage.workers.get_worker_info(CALLER, UUID.format(1))
    assert access.port == worker.port
    after = await stage.requests.get_request_info(CALLER, request_id)
    assert before.job is not None
    assert after.job is not None
    assert after.job.timeout == before.job.timeout, "it never prolongs"


@scene
async def test_acquire_needs_a_running_request(stage: Stage) -> None:
    request_id = await stage.filed()
    with pytest.raises(WorkerNotAssignedError):
        await stage.requests.acquire_worker(CALLER, request_id)
    await stage.requests.close_request(CALLER, request_id)
    with pytest.raises(WorkerNotAssignedError):
        await stage.requests.acquire_worker(CALLER, request_id, HOUR)


@scene
async def test_acquire_waits_for_the_grant(stage: Stage) -> None:
    request_id = await stage.filed()
    waiting = asyncio.create_task(
        stage.requests.acquire_worker(CALLER, request_id, timedelta(minutes=2))
    )
    await stage.farm.settle(60)
    assert not waiting.done()
    await stage.board(1)
    access = await waiting
    assert access == await stage.requests.acquire_worker(CALLER, request_id)


@scene
async def test_acquire_waits_no_longer_than_asked(stage: Stage) -> None:
    request_id = await stage.filed()
    started = stage.now()
    with pytest.raises(WorkerNotAssignedError):
        await stage.requests.acquire_worker(CALLER, request_id, timedelta(seconds=20))
    assert abs(stage.now() - started - timedelta(seconds=20)) < SECOND
    assert await stage.state(request_id) == "WAITING"


@scene
async def test_acquire_waits_while_the_request_waits_only(stage: Stage) -> None:
    request_id = await stage.filed()
    waiting = asyncio.create_task(stage.requests.acquire_worker(CALLER, request_id, HOUR))
    await stage.farm.settle(5)
    started = stage.now()
    await stage.requests.close_request(CALLER, request_id)
    with pytest.raises(WorkerNotAssignedError):
        await waiting
    assert stage.now() - started < SECOND


@scene
async def test_patient_acquire_prolongs_once(stage: Stage) -> None:
    await stage.board(1)
    request_id = await stage.filed()
    await stage.farm.settle(600)
    ends = []
    for _ in range(2):
        await stage.requests.acquire_worker(CALLER, request_id, SECOND)
        request = await stage.requests.get_request_info(CALLER, request_id)
        assert request.job is not None
        ends.append(request.job.timeout)
        await stage.farm.settle(60)
    assert ends[0] == ends[1]
    assert abs(stage.now() - timedelta(seconds=120) + HOUR - ends[0]) < SECOND


@scene
async def test_an_own_key_is_used_and_no_other_handed_out(stage: Stage) -> None:
    board = await stage.board(1)
    new = NewRequest(caps={}, priority=8, ssh_key=ED25519)
    request_id = (await stage.requests.new_request(CALLER, new)).id
    await stage.farm.settle(2)
    access = await stage.requests.acquire_worker(CALLER, request_id)
    assert access.key == ""
    assert board.key == ED25519


@scene
async def test_prolonging_moves_the_end_that_the_board_knows(stage: Stage) -> None:
    board = await stage.board(1)
    request_id = await stage.filed()
    await stage.farm.settle(600)
    end = await stage.requests.prolong_access(CALLER, request_id)
    assert abs(end - stage.now() - HOUR) < SECOND
    request = await stage.requests.get_request_info(CALLER, request_id)
    assert request.job is not None
    assert request.job.timeout == end
    assert board.sequence == 1


@scene
async def test_each_of_those_who_prolong_at_once_gets_what_he_asked_for(stage: Stage) -> None:
    board = await stage.board(1)
    request_id = (await stage.requests.new_request(CALLER, replace(PLAIN, length=HOUR / 2))).id
    await stage.farm.settle()
    before = await stage.requests.get_request_info(CALLER, request_id)
    more = MoreTime(length=timedelta(minutes=5))
    ends = await asyncio.gather(
        *(stage.requests.prolong_access(CALLER, request_id, more) for _ in range(4))
    )
    assert before.job is not None
    assert sorted(end - before.job.timeout for end in ends) == [
        timedelta(minutes=minutes) for minutes in (5, 10, 15, 20)
    ]
    assert board.sequence == 4


@scene
async def test_prolonging_ends_at_the_limit(stage: Stage) -> None:
    await stage.board(1)
    request_id = await stage.filed()
    granted = stage.now()
    await stage.farm.settle(3000)
    await stage.requests.prolong_access(CALLER, request_id)
    await stage.farm.settle(3000)
    end = await stage.requests.prolong_access(CALLER, request_id)
    assert abs(end - granted - 2 * HOUR) < SECOND
    with pytest.raises(ProlongLimitError):
        await stage.requests.prolong_access(CALLER, request_id)


@scene
async def test_a_named_length_counts_from_the_hand_over_and_is_what_prolonging_adds(
    stage: Stage,
) -> None:
    board = await stage.board(1)
    new = replace(PLAIN, length=HOUR / 2)
    request_id = (await stage.requests.new_request(CALLER, new)).id
    await stage.farm.settle(600)
    request = await stage.requests.get_request_info(CALLER, request_id)
    assert request.job is not None
    assert request.length == HOUR / 2
    assert request.job.timeout == request.job.granted + HOUR / 2
    end = await stage.requests.prolong_access(CALLER, request_id)
    assert abs(end - stage.now() - HOUR / 2) < SECOND
    assert board.sequence == 1


@scene
async def test_prolonging_by_more_counts_from_the_present_end(stage: Stage) -> None:
    board = await stage.board(1)
    request_id = await stage.filed()
    before = await stage.requests.get_request_info(CALLER, request_id)
    assert before.job is not None
    more = MoreTime(length=HOUR / 2)
    end = await stage.requests.prolong_access(CALLER, request_id, more)
    assert end == before.job.timeout + HOUR / 2
    until = MoreTime(until=end + HOUR / 4)
    assert await stage.requests.prolong_access(CALLER, request_id, until) == end + HOUR / 4
    earlier = MoreTime(until=end - HOUR)
    assert await stage.requests.prolong_access(CALLER, request_id, earlier) == end + HOUR / 4
    assert board.sequence == 3, "the board has heard of each"
    for beyond in (MoreTime(length=HOUR), MoreTime(until=end + HOUR)):
        with pytest.raises(ProlongLimitError) as refused:
            await stage.requests.prolong_access(CALLER, request_id, beyond)
        assert refused.value.standing is not None
        assert refused.value.standing.latest == before.job.limit
        assert refused.value.standing.longest == 2 * HOUR
    with pytest.raises(InvalidError):
        await stage.requests.prolong_access(
            CALLER, request_id, MoreTime(length=HOUR, until=end + HOUR)
        )


@scene
async def test_a_length_that_the_farm_does_not_allow_is_refused(stage: Stage) -> None:
    for length in (timedelta(), 2 * HOUR + SECOND):
        with pytest.raises(LengthError):
            await stage.requests.new_request(CALLER, replace(PLAIN, length=length))


@scene
async def test_prolonging_that_the_board_does_not_confirm_changes_nothing(stage: Stage) -> None:
    board = await stage.board(1)
    request_id = await stage.filed()
    before = await stage.requests.get_request_info(CALLER, request_id)
    await stage.farm.settle(60)
    board.manner = Manner.NEVER
    with pytest.raises(AgentUnreachableError):
        await stage.requests.prolong_access(CALLER, request_id)
    after = await stage.requests.get_request_info(CALLER, request_id)
    assert after.job is not None
    assert before.job is not None
    assert after.job.timeout == before.job.timeout
    board.manner = Manner.WELL
    assert await stage.requests.prolong_access(CALLER, request_id) > stage.now()


@scene
async def test_only_running_requests_are_prolonged_and_kept_alive(stage: Stage) -> None:
    request_id = await stage.filed()
    for call in (stage.requests.prolong_access, stage.requests.keep_alive):
        with pytest.raises(WorkerNotAssignedError):
            await call(CALLER, request_id)


@scene
async def test_a_client_that_keeps_nothing_alive_loses_the_board(stage: Stage) -> None:
    await stage.board(1)
    request_id = await stage.filed(keep_alive=60)
    for _ in range(5):
        await stage.farm.settle(40)
        await stage.requests.keep_alive(CALLER, request_id)
    assert await stage.state(request_id) == "IN PROGRESS"
    await stage.farm.settle(70)
    assert await stage.state(request_id) == "DONE"


@scene
async def test_who_holds_a_board_can_be_asked_whether_he_needs_it(stage: Stage) -> None:
    with pytest.raises(RequestNotFoundError):
        await stage.requests.nudge(CALLER, 99)
    running = await stage.filed()
    with pytest.raises(WorkerNotAssignedError):
        await stage.requests.nudge(CALLER, running)
    await stage.board(1)
    await stage.requests.nudge(CALLER, running)
    request = await stage.requests.get_request_info(CALLER, running)
    assert request.nudged_at is not None
    assert abs(request.nudged_at - stage.now()) < SECOND
    with pytest.raises(TooManyCallsError):
        await stage.requests.nudge(CALLER, running)


@scene
async def test_acts_are_noted_in_a_line_while_the_board_is_there(stage: Stage) -> None:
    request_id = await stage.filed()
    with pytest.raises(WorkerNotAssignedError):
        await stage.requests.note_act(CALLER, request_id, "flash")
    for wrong in ("", "x" * 101, "two\nlines"):
        with pytest.raises(BoardActError):
            await stage.requests.note_act(CALLER, request_id, wrong)
    await stage.board(1)
    await stage.requests.note_act(CALLER, request_id, "flash")


@scene
async def test_keeping_alive_what_needs_it_not_is_harmless(stage: Stage) -> None:
    await stage.board(1)
    request_id = await stage.filed()
    await stage.requests.keep_alive(CALLER, request_id)
    await stage.farm.settle(600)
    assert await stage.state(request_id) == "IN PROGRESS"


@scene
async def test_explain_names_position_and_holder(stage: Stage) -> None:
    await stage.board(1, {"board": "rpi4"})
    running = await stage.filed({"board": "rpi4"})
    first = await stage.filed({"board": "rpi4"})
    second = await stage.filed({"board": "rpi4"})
    more_important = await stage.filed({"board": "rpi4"}, priority=1)
    found = {n: await stage.requests.explain(CALLER, n) for n in (running, first, second)}
    assert found[running].position is None
    assert (found[first].position, found[second].position) == (2, 3)
    assert (await stage.requests.explain(CALLER, more_important)).position == 1
    assert found[first].matching == {"RUNNING": 1}
    job = (await stage.requests.get_request_info(CALLER, running)).job
    assert job is not None
    (holder,) = found[first].holders
    assert (holder.worker, holder.name) == (UUID.format(1), "board-1")
    assert (holder.request_id, holder.until) == (running, job.timeout)
    told = line(found[first], Times(now=job.granted))
    assert told.startswith("position 2 (priority); 1 board matches: 1 running (board-1, held")
    standing = found[running].standing
    assert standing is not None
    assert (standing.worker, standing.until) == ("board-1", job.timeout)


@scene
async def test_explain_of_what_no_board_can_serve(stage: Stage) -> None:
    found = await stage.requests.explain(CALLER, await stage.filed({"board": "none"}))
    assert (found.state, found.position) == ("WAITING", 1)
    assert (found.matching, found.holders) == ({}, ())
    assert found.unknown == ("board=none",)
    assert found.cause is Cause.NO_BOARD
    assert found.policy == "priority, then order of filing"


@scene
async def test_an_outlook_is_an_explanation_in_short(stage: Stage) -> None:
    request_id = await stage.filed({"board": "none"})
    outlook = await stage.requests.explain(CALLER, request_id, brief=True)
    explanation = await stage.requests.explain(CALLER, request_id)
    assert outlook == explanation
    with pytest.raises(RequestNotFoundError):
        await stage.requests.explain(CALLER, 999, brief=True)


@scene
async def test_who_files_is_told_the_outlook(stage: Stage) -> None:
    new = NewRequest(caps={"board": "none"}, priority=8, idempotency_key="outlook", body_hash="one")
    filed = await stage.requests.new_request(CALLER, new)
    assert filed.outlook == await stage.requests.explain(CALLER, filed.id, brief=True)
    assert filed.outlook is not None
    assert filed.outlook.cause is Cause.NO_BOARD
    assert await stage.requests.new_request(CALLER, new) == filed
    await stage.requests.close_request(CALLER, filed.id)
    again = await stage.requests.new_request(CALLER, new)
    assert again.id == filed.id
    assert again.outlook is not None
    assert again.outlook.state == "CANCELLED", "a repetition tells what became of the first"
