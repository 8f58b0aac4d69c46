"""What a refused call is told: how that stands which it was about, and what to do."""

import shlex
from collections.abc import Mapping

from boruta_farm.model.errors import (
    AccountNotFoundError,
    BorrowError,
    BorutaError,
    DeadlineInPastError,
    NotDeregisterableError,
    PriorityError,
    ProlongLimitError,
    RequestNotFoundError,
    RequestStateError,
    TimeRangeError,
    TokenNotFoundError,
    UnmetDemandError,
    WorkerNotAssignedError,
    WorkerNotFoundError,
    WorkerTransitionError,
)
from boruta_farm.model.request import RequestState
from boruta_farm.model.standing import REMOVED
from boruta_farm.model.worker import WorkerState
from boruta_farm.words.joining import joined
from boruta_farm.words.standing import sentence
from boruta_farm.words.times import Times

PLAIN: Mapping[type[BorutaError], str] = {
    RequestNotFoundError: "see: boruta ls --all",
    WorkerNotFoundError: "see: boruta workers",
    PriorityError: "write 1 (most important) to 16",
    DeadlineInPastError: "a deadline lies ahead, such as --deadline 2h",
    TimeRangeError: "move one of the two: --after, --deadline",
}
"""What helps where nothing more exact is told than the original's text."""

ALWAYS: Mapping[type[BorutaError], str] = {
    AccountNotFoundError: "see: boruta user list",
    TokenNotFoundError: "see: boruta token list",
    UnmetDemandError: (
        "to wait for such a board all the same: --queue, or in the API without Strict"
    ),
    ProlongLimitError: "file a new request to go on",
}
"""What helps whatever the state is."""

_OVER = frozenset(str(state) for state in RequestState if state.finished)

BY_STATE: Mapping[type[BorutaError], Mapping[str, str]] = {
    RequestNotFoundError: {
        REMOVED: "what became of it, an admin finds by: boruta audit --subject 'request {request}'"
    },
    RequestStateError: {
        RequestState.IN_PROGRESS: (
            "only what waits can be changed; more time: boruta prolong {request}"
        ),
        **dict.fromkeys(_OVER, "nothing is left to close or change"),
    },
    WorkerNotAssignedError: {
        RequestState.WAITING: (
            "why: boruta explain {request}; to wait for it: boruta acquire {request} --wait 10m"
        ),
        **dict.fromkeys(_OVER, "for another board: boruta new"),
    },
    WorkerTransitionError: {
        WorkerState.IDLE: "nothing is left to do",
        WorkerState.PREPARE: "it becomes IDLE by itself",
        WorkerState.RUNNING: (
            "it is taken back when that job is over; to end it now: boruta close {request}"
        ),
        WorkerState.BUSY: "once it is there: boruta worker idle {worker}",
        WorkerState.FAILED: (
            "it comes back by itself when its agent registers again, or by: "
            "boruta worker maintenance {worker} --wait, then boruta worker idle {worker}"
        ),
    },
    BorrowError: {
        WorkerState.IDLE: "it is in service: boruta ssh {worker}",
        WorkerState.PREPARE: "it is on its way: boruta ssh {worker}",
        WorkerState.RUNNING: (
            "to wait for your turn: boruta ssh {worker}; to have it to yourself after that job: "
            "boruta worker maintenance {worker} --after-job --wait"
        ),
        WorkerState.BUSY: "once it is in MAINTENANCE, it can be borrowed",
    },
    NotDeregisterableError: {
        WorkerState.RUNNING: (
            "set it aside first, which ends the job unless --after-job is given: "
            "boruta worker maintenance {worker} --wait"
        ),
        WorkerState.BUSY: "once it is in MAINTENANCE, it can be removed",
        WorkerState.IDLE: "set it aside first: boruta worker maintenance {worker} --wait",
        WorkerState.PREPARE: "set it aside first: boruta worker maintenance {worker} --wait",
    },
}
"""What helps in a state of that which the call was about."""


def refusal(error: BorutaError, times: Times) -> str:
    """Say in one line what went wrong, as it stands now, and what to do about it."""
    parts = (detail(error, times) or error.message, remedy(error))
    return joined(part for part in parts if part)


def detail(error: BorutaError, times: Times) -> str | None:
    """Say how that stands which the call was about, None where its state is not the reason."""
    return None if error.standing is None else sentence(error.standing, times)


def remedy(error: BorutaError) -> str | None:
    """Say what to do about it, None where the message does so or nothing helps."""
    kind, standing = type(error), error.standing
    if standing is not None:
        known = BY_STATE.get(kind, {}).get(standing.state)
        if known is not None:
            # A board may call itself $(id), and people paste what helps into a shell.
            name = shlex.quote(standing.worker or "")
            return known.format(request=standing.request_id, worker=name)
    if kind in PLAIN:
        return PLAIN[kind] if error.message == kind.default_message() else None
    return ALWAYS.get(kind)
