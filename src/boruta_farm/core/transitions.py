"""The two tables of allowed state changes, and the only functions that make them."""

from dataclasses import replace
from datetime import datetime

from boruta_farm.model.errors import TransitionError
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState

REQUEST_TRANSITIONS: dict[RequestState, frozenset[RequestState]] = {
    RequestState.WAITING: frozenset(
        {
            RequestState.IN_PROGRESS,
            RequestState.CANCELLED,
            RequestState.TIMEOUT,
            RequestState.INVALID,
            RequestState.FAILED,
        }
    ),
    RequestState.IN_PROGRESS: frozenset(
        {RequestState.DONE, RequestState.FAILED, RequestState.WAITING}
    ),
    RequestState.CANCELLED: frozenset(),
    RequestState.TIMEOUT: frozenset(),
    RequestState.INVALID: frozenset(),
    RequestState.DONE: frozenset(),
    RequestState.FAILED: frozenset(),
}

WORKER_TRANSITIONS: dict[WorkerState, frozenset[WorkerState]] = {
    WorkerState.MAINTENANCE: frozenset({WorkerState.PREPARE}),
    WorkerState.PREPARE: frozenset({WorkerState.IDLE, WorkerState.BUSY, WorkerState.FAILED}),
    WorkerState.IDLE: frozenset({WorkerState.RUNNING, WorkerState.BUSY, WorkerState.FAILED}),
    WorkerState.RUNNING: frozenset({WorkerState.PREPARE, WorkerState.BUSY, WorkerState.FAILED}),
    WorkerState.BUSY: frozenset({WorkerState.MAINTENANCE, WorkerState.FAILED}),
    WorkerState.FAILED: frozenset({WorkerState.PREPARE, WorkerState.BUSY}),
}

NEW_EPOCH = frozenset({WorkerState.PREPARE, WorkerState.BUSY})
"""Entering one of these states starts a new preparation (I2 of the design)."""


LENDING = frozenset({WorkerState.PREPARE, WorkerState.IDLE, WorkerState.RUNNING})
"""On the way from the first to the last a board is lent; elsewhere nobody borrows it."""


def move_request(
    request: Request, to: RequestState, now: datetime, reason: str | None = None
) -> Request:
    """Return the request in its next state, with the time noted when that state is final.

    Raises TransitionError for a change outside the table.
    """
    if to not in REQUEST_TRANSITIONS[request.state]:
        raise TransitionError(f"request {request.id} cannot go from {request.state} to {to}")
    return replace(
        request,
        state=to,
        revision=request.revision + 1,
        finished=now if to.finished else None,
        reason=reason,
        orphaned_since=None if to.finished else request.orphaned_since,
    )


def move_worker(
    worker: Worker, to: WorkerState, now: datetime, reason: str | None = None
) -> Worker:
    """Return the worker in its next state; the epoch rises where a preparation begins.

    A borrowed one stays so until it is back where it was.

    Raises TransitionError for a change outside the table.
    """
    if to not in WORKER_TRANSITIONS[worker.state]:
        raise TransitionError(f"worker {worker.name} cannot go from {worker.state} to {to}")
    borrower = worker.borrower if to in LENDING else None
    home = worker.borrowed_from
    if to in (home, WorkerState.MAINTENANCE) or (to is WorkerState.IDLE and borrower is None):
        home = None
    return replace(
        worker,
        state=to,
        since=now,
        borrower=borrower,
        borrowed_from=home,
        epoch=worker.epoch + 1 if to in NEW_EPOCH else worker.epoch,
        revision=worker.revision + 1,
        reason=reason,
        after_job=False if to is not WorkerState.RUNNING else worker.after_job,
    )
