"""Boards that are out of service, lent to who looks after them, and to nobody else.

The request names one board (``borrows``). The board is prepared for it alone, goes from IDLE to
RUNNING in the transaction in which it was proved clean, and is back where it was only when it has
been proved clean again: what is in MAINTENANCE gets no other way to IDLE than an admin's word.
"""

from dataclasses import replace
from datetime import datetime

from boruta_farm.core.permissions import check_worker
from boruta_farm.core.plan import KeyErased, RequestSaved, Step, WorkerSaved
from boruta_farm.core.rights import lapse, served
from boruta_farm.core.standings import worker_standing
from boruta_farm.core.transitions import move_request, move_worker
from boruta_farm.core.world import World
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import BorrowError, WorkerNotFoundError
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import NewRequest, Request, RequestState, RequestUpdate
from boruta_farm.model.worker import UUID_CAPABILITY, Fence, Worker, WorkerState

OUT_OF_SERVICE = frozenset({WorkerState.MAINTENANCE, WorkerState.FAILED})


def check_new(new: NewRequest) -> None:
    """Refuse wishes that do not go with one certain board. Raises BorrowError."""
    if set(new.caps or {}) != {UUID_CAPABILITY} or new.selector is not None:
        raise BorrowError(f"name the board by its {UUID_CAPABILITY} alone, without a selector")
    if new.ssh_key is not None or new.valid_after is not None:
        raise BorrowError("it begins at once, with a key that the farm makes")
    if new.image or new.boot_until:
        raise BorrowError("it begins at once; flash and boot it when you have it: boruta flash")


def check_update(request: Request, change: RequestUpdate) -> None:
    """Refuse to ask for something else in place of the board. Raises BorrowError."""
    others = (change.caps, change.selector, change.ssh_key, change.valid_after)
    if request.borrows and any(wish is not None for wish in others):
        raise BorrowError(
            f"request {request.id} is for that board, at once; close it and file another"
        )


def begin(world: World, caller: Caller, request: Request, now: datetime) -> tuple[Step, ...]:
    """Return what has the named board prepared for the request.

    Raises WorkerNotFoundError, ForbiddenError, and BorrowError for a board that is in service, out
    of reach, or has nobody beside it who could prove it clean.
    """
    worker = world.worker(request.required[UUID_CAPABILITY])
    if worker is None:
        raise WorkerNotFoundError
    check_worker(caller, worker)
    if worker.fence is Fence.NONE:
        raise BorrowError(
            f"{worker.name} is called by the original's protocol: nothing there proves that it is "
            "clean afterwards; use it at its supervisor"
        )
    if worker.state not in OUT_OF_SERVICE:
        raise BorrowError(standing=worker_standing(world, worker))
    if worker.unreachable_since is not None:
        raise BorrowError(f"{worker.name} is out of reach; see that its agent runs (dryad doctor)")
    preparing = move_worker(worker, WorkerState.PREPARE, now, worker.reason)
    lent = replace(preparing, borrower=request.id, borrowed_from=worker.state)
    return (WorkerSaved(worker=lent, kind=EventKind.WORKER_STATE),)


def taker(world: World, worker: Worker) -> Request | None:
    """Return the request that waits for a borrowed board, None where it waits no more."""
    request = None if worker.borrower is None else world.request(worker.borrower)
    if request is None or request.state is not RequestState.WAITING:
        return None
    return request


def may_still(world: World, worker: Worker, request: Request) -> bool:
    """Tell whether who borrows a board may still have it."""
    account = world.account(request.owner)
    return lapse(account, request) is None and served(worker, request, account)


def dropped(world: World, worker: Worker, now: datetime, why: str) -> tuple[Step, ...]:
    """Return what ends the request that a board was being prepared for: there is no other board."""
    request = taker(world, worker)
    if request is None:
        return ()
    failed = move_request(request, RequestState.FAILED, now, f"{worker.name}: {why}")
    return (RequestSaved(request=failed, kind=EventKind.REQUEST_FINISHED),)


def aside_later(worker: Worker) -> WorkerState | None:
    """Return where a borrowed board goes back to that has to be set aside, whatever it was."""
    return None if worker.borrowed_from is None else WorkerState.MAINTENANCE


def back(worker: Worker, now: datetime) -> tuple[Step, ...]:
    """Return what gives a prepared board back that nobody takes."""
    busy = replace(move_worker(worker, WorkerState.BUSY, now, worker.reason), idle_again=False)
    erased = KeyErased(worker=worker.uuid, epoch=worker.epoch)
    return erased, WorkerSaved(worker=busy, kind=EventKind.WORKER_STATE)
