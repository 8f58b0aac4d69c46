"""Every refusal says how things stand, and what to do."""

from datetime import UTC, datetime, timedelta

import pytest

from boruta_farm.model import errors
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import RequestState
from boruta_farm.model.standing import REMOVED, Standing, Subject
from boruta_farm.model.worker import WorkerState
from boruta_farm.words.refusal import BY_STATE, detail, refusal, remedy
from boruta_farm.words.times import Times

NOW = datetime(2026, 1, 31, 15, tzinfo=UTC)
TIMES = Times(now=NOW)
MINUTE = timedelta(minutes=1)


def request(state: RequestState, **more: object) -> Standing:
    return Standing(subject=Subject.REQUEST, state=state.value, request_id=21, **more)  # type: ignore[arg-type]  # as given


def worker(state: WorkerState, **more: object) -> Standing:
    return Standing(subject=Subject.WORKER, state=state.value, worker="lab-1", **more)  # type: ignore[arg-type]  # as given


DONE = request(RequestState.DONE, since=NOW - 55 * MINUTE)
RUNNING = request(RequestState.IN_PROGRESS, worker="lab-1", until=NOW + 5 * MINUTE)
LENT = worker(WorkerState.RUNNING, request_id=21, until=NOW + 5 * MINUTE)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            errors.UnmetDemandError("no board has board=rpi44; did you mean rpi4?"),
            "no board has board=rpi44; did you mean rpi4? to wait for such a board all the same: "
            "--queue, or in the API without Strict",
        ),
        (
            errors.RequestStateError(standing=DONE),
            "it is DONE since 14:05 UTC; nothing is left to close or change",
        ),
        (
            errors.RequestStateError(standing=RUNNING),
            "it has lab-1 until 15:05 UTC; only what waits can be changed; "
            "more time: boruta prolong 21",
        ),
        (
            errors.WorkerNotAssignedError(standing=request(RequestState.WAITING)),
            "it is still WAITING; why: boruta explain 21; to wait for it: "
            "boruta acquire 21 --wait 10m",
        ),
        (
            errors.WorkerNotAssignedError(standing=request(RequestState.WAITING, worker="lab-1")),
            "lab-1 is being opened for it; why: boruta explain 21; to wait for it: "
            "boruta acquire 21 --wait 10m",
        ),
        (
            errors.WorkerNotAssignedError(
                standing=request(RequestState.FAILED, since=NOW, reason="lab-1 was taken away: fan")
            ),
            "it is FAILED since 15:00 UTC: lab-1 was taken away: fan; for another board: "
            "boruta new",
        ),
        (
            errors.ProlongLimitError(
                standing=request(
                    RequestState.IN_PROGRESS,
                    worker="lab-1",
                    until=NOW + 5 * MINUTE,
                    longest=timedelta(seconds=25),
                )
            ),
            "it has lab-1 until 15:05 UTC, the limit of 25s for one job; "
            "file a new request to go on",
        ),
        (
            errors.WorkerTransitionError(standing=LENT),
            "it is lent to 21 until 15:05 UTC; it is taken back when that job is over; "
            "to end it now: boruta close 21",
        ),
        (
            errors.WorkerTransitionError(
                standing=worker(WorkerState.FAILED, since=NOW, unreachable_since=NOW)
            ),
            "it is FAILED since 15:00 UTC, its agent out of reach since 15:00 UTC; it comes back "
            "by itself when its agent registers again, or by: "
            "boruta worker maintenance lab-1 --wait, then boruta worker idle lab-1",
        ),
        (
            errors.NotDeregisterableError(standing=LENT),
            "it is lent to 21 until 15:05 UTC; set it aside first, which ends the job unless "
            "--after-job is given: boruta worker maintenance lab-1 --wait",
        ),
        (
            errors.BorrowError(standing=worker(WorkerState.IDLE, since=NOW)),
            "it is IDLE since 15:00 UTC; it is in service: boruta ssh lab-1",
        ),
        (
            errors.NotDeregisterableError(standing=worker(WorkerState.BUSY, since=NOW)),
            "it is going into MAINTENANCE since 15:00 UTC; once it is in MAINTENANCE, it can be "
            "removed",
        ),
        (errors.RequestNotFoundError(), "Request not found; see: boruta ls --all"),
        (
            errors.WorkerNotFoundError("there is no worker 'x'; see: boruta workers"),
            "there is no worker 'x'; see: boruta workers",
        ),
        (
            errors.PriorityError(),
            "requested priority out of bounds; write 1 (most important) to 16",
        ),
        (
            errors.PriorityError("requested priority out of bounds: this account: 4 to 8"),
            "requested priority out of bounds: this account: 4 to 8",
        ),
        (
            errors.RequestStateError(),
            "action cannot be executed in current state",
        ),
    ],
)
def test_state_and_remedy(error: BorutaError, told: str) -> None:
    assert refusal(error, TIMES) == told


def test_states_without_a_remedy_are_those_that_cannot_be_refused() -> None:
    served = {kind: set(states) for kind, states in BY_STATE.items()}
    over = {state.value for state in RequestState if state.finished}
    assert served == {
        errors.RequestNotFoundError: {REMOVED},
        errors.RequestStateError: over | {RequestState.IN_PROGRESS},
        errors.WorkerNotAssignedError: over | {RequestState.WAITING},
        errors.WorkerTransitionError: set(WorkerState) - {WorkerState.MAINTENANCE},
        errors.BorrowError: set(WorkerState) - {WorkerState.MAINTENANCE, WorkerState.FAILED},
        errors.NotDeregisterableError: set(WorkerState)
        - {WorkerState.MAINTENANCE, WorkerState.FAILED},
    }


def test_what_nobody_could_serve_is_told_how_to_wait_for_it() -> None:
    error = errors.UnmetDemandError("no registered board has board=rpi44")
    assert detail(error, TIMES) is None
    assert "--queue" in (remedy(error) or "")


def test_a_boards_name_is_a_word_in_what_is_pasted_into_a_shell() -> None:
    lent = Standing(subject=Subject.WORKER, state=WorkerState.IDLE, worker="$(id); x", request_id=1)
    told = remedy(errors.BorrowError(standing=lent))
    assert told == "it is in service: boruta ssh '$(id); x'"
