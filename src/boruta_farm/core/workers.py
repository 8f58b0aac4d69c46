"""What happens to workers: set aside, prepared, failed, lost, removed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from boruta_farm.core.borrowing import OUT_OF_SERVICE, aside_later, back, dropped, may_still, taker
from boruta_farm.core.ending import end_job, requeued, wait_again
from boruta_farm.core.flapping import recover, take_back
from boruta_farm.core.jobs import Grant, is_unseen, lend, receiver
from boruta_farm.core.names import check_worker_name
from boruta_farm.core.plan import (
    KeyErased,
    KeySaved,
    Plan,
    RequestSaved,
    Step,
    WorkerSaved,
)
from boruta_farm.core.rights import lapse
from boruta_farm.core.standings import worker_standing
from boruta_farm.core.transitions import move_request, move_worker
from boruta_farm.core.world import World
from boruta_farm.model.errors import (
    FailInMaintenanceError,
    ForbiddenStateError,
    LimitError,
    NotDeregisterableError,
    PortsExhaustedError,
    StaleEpochError,
    WorkerDescriptionError,
    WorkerNameError,
    WorkerNotFoundError,
    WorkerTransitionError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import RequestState
from boruta_farm.model.spelling import folded, normal
from boruta_farm.model.worker import (
    UUID_CAPABILITY,
    SessionKey,
    Worker,
    WorkerChange,
    WorkerState,
)
from boruta_farm.words.durations import duration

MOST_GROUPS = 64
LONGEST_GROUP = 64
LONGEST_REASON = 1000
MOST_LABELS = 64
LONGEST_LABEL_NAME = 64
LONGEST_LABEL_VALUE = 256
LONGEST_NOTES = 4000
LONGEST_PHOTO = 1000
PASSING = frozenset({WorkerState.PREPARE, WorkerState.BUSY})


def set_state(
    world: World,
    uuid: str,
    state: WorkerState,
    now: datetime,
    reason: str | None = None,
    *,
    after_job: bool = False,
) -> Plan[None]:
    """Decide an admin's wish for IDLE or MAINTENANCE.

    IDLE for a worker on its way there succeeds, as in the original: a repeated call is harmless.
    IDLE takes back what was to come after the job of a running worker; its job goes on.

    Raises the errors of ``contracts.Workers.set_state``.
    """
    worker = existing(world, uuid)
    if reason is not None and len(reason) > LONGEST_REASON:
        raise LimitError(f"a reason may have at most {LONGEST_REASON} characters")
    if state is WorkerState.IDLE:
        if worker.state is WorkerState.PREPARE and worker.borrower is None:
            return Plan(answer=None)
        borrowed = worker.borrower is not None and worker.state is WorkerState.PREPARE
        if borrowed or (worker.after_job and worker.state is WorkerState.RUNNING):
            stays = replace(
                worker,
                after_job=False,
                idle_again=False,
                borrowed_from=None,
                reason=None,
                revision=worker.revision + 1,
            )
            step = WorkerSaved(worker=stays, kind=EventKind.WORKER_CHANGED)
            return Plan(answer=None, steps=(step,))
        if worker.state is not WorkerState.MAINTENANCE:
            raise WorkerTransitionError(standing=worker_standing(world, worker))
        preparing = replace(move_worker(worker, WorkerState.PREPARE, now), recoveries=())
        return Plan(answer=None, steps=(_state(preparing),))
    if state is not WorkerState.MAINTENANCE:
        raise ForbiddenStateError
    if worker.state is WorkerState.BUSY:
        return Plan(answer=None)
    if worker.state is WorkerState.MAINTENANCE:
        return Plan(answer=None, steps=(set_aside_again(worker, reason),))
    if after_job and worker.state is WorkerState.RUNNING:
        later = replace(
            worker,
            after_job=True,
            idle_again=False,
            borrowed_from=aside_later(worker),
            reason=reason,
            revision=worker.revision + 1,
        )
        return Plan(answer=None, steps=(WorkerSaved(worker=later, kind=EventKind.WORKER_CHANGED),))
    if worker.state is WorkerState.RUNNING:
        worker = replace(worker, borrowed_from=None)
        _, steps = _evict(world, worker, WorkerState.BUSY, now, reason or "maintenance")
        return Plan(answer=None, steps=steps)
    gone = dropped(world, worker, now, reason or "maintenance")
    worker = replace(worker, borrowed_from=None)
    busy = replace(move_worker(worker, WorkerState.BUSY, now, reason), idle_again=False)
    return Plan(answer=None, steps=(*_forget_key(worker), *gone, _state(busy)))


def set_groups(world: World, uuid: str, groups: tuple[str, ...]) -> Plan[None]:
    """Replace a worker's groups, sorted, each once, and spelt as the group that there is.

    Raises LimitError for too many or too long.
    """
    worker = existing(world, uuid)
    if len(groups) > MOST_GROUPS:
        raise LimitError(f"{len(groups)} groups exceed the limit of {MOST_GROUPS} for one worker")
    known = {folded(group.name): group.name for group in world.groups()}
    spelt: dict[str, str] = {}
    for given in groups:
        group = normal(given)
        spelt.setdefault(folded(group), known.get(folded(group), group))
        if not 0 < len(group) <= LONGEST_GROUP or not group.isprintable():
            raise LimitError(
                f"{group[:40]!r} cannot be a group: it takes 1 to {LONGEST_GROUP} visible "
                "characters"
            )
    changed = replace(worker, groups=tuple(sorted(spelt.values())), revision=worker.revision + 1)
    return Plan(answer=None, steps=(WorkerSaved(worker=changed, kind=EventKind.WORKER_CHANGED),))


def set_name(world: World, uuid: str, name: str) -> Plan[None]:
    """Give a worker another name. Raises WorkerNameError for one that is taken or no name."""
    worker = existing(world, uuid)
    name = normal(name)
    check_worker_name(name, uuid)
    for other in world.workers_like(name):
        if other.uuid != uuid:
            raise WorkerNameError(
                f"{name} is UUID or name of the worker {other.uuid} already, or differs from "
                "these in case alone; choose another"
            )
    changed = replace(worker, name=name, revision=worker.revision + 1)
    return Plan(answer=None, steps=(WorkerSaved(worker=changed, kind=EventKind.WORKER_CHANGED),))


def describe(world: World, uuid: str, change: WorkerChange) -> Plan[None]:
    """Set what admins tell of a worker; what is the same already changes nothing.

    Raises LimitError and WorkerDescriptionError.
    """
    worker = existing(world, uuid)
    changed = worker
    if change.labels is not None:
        _check_labels(worker, change.labels)
        changed = replace(changed, labels=dict(sorted(change.labels.items())) or None)
    if change.notes is not None:
        _check_notes(change.notes)
        changed = replace(changed, notes=change.notes or None)
    if change.photo is not None:
        _check_photo(change.photo)
        changed = replace(changed, photo=change.photo or None)
    if changed == worker:
        return Plan(answer=None)
    changed = replace(changed, revision=worker.revision + 1)
    return Plan(answer=None, steps=(WorkerSaved(worker=changed, kind=EventKind.WORKER_CHANGED),))


def _check_labels(worker: Worker, labels: Mapping[str, str]) -> None:
    if len(labels) > MOST_LABELS:
        raise LimitError(f"{len(labels)} labels exceed the limit of {MOST_LABELS} for one worker")
    kept = worker.labels or {}
    for name, value in labels.items():
        if len(name) > LONGEST_LABEL_NAME or len(value) > LONGEST_LABEL_VALUE:
            raise LimitError(
                f"the label {name[:40]!r} is too long: a name takes at most {LONGEST_LABEL_NAME} "
                f"characters, a value {LONGEST_LABEL_VALUE}"
            )
        if not name or not (name + value).isprintable() or name != name.strip():
            raise WorkerDescriptionError(
                f"{f'{name}={value}'[:80]!r} cannot be a label: its name needs a visible "
                "character and no blank around it, and name and value are one line"
            )
        own = worker.caps.get(name)
        # One that was there before the board told its own must not keep others from being set.
        shadowed = own not in (None, value) and kept.get(name) != value
        if shadowed or name == UUID_CAPABILITY:
            raise WorkerDescriptionError(
                f"{worker.name} tells {name}={own} of itself, which a label cannot change; "
                "choose another name, or change it in the agent's configuration"
            )


def _check_notes(notes: str) -> None:
    if len(notes) > LONGEST_NOTES:
        raise LimitError(f"notes may have at most {LONGEST_NOTES} characters")
    if not all(sign.isprintable() or sign in "\n\t" for sign in notes):
        raise WorkerDescriptionError(
            "notes take visible characters, line feeds and tabs; remove other control characters"
        )


def _check_photo(photo: str) -> None:
    """Take https addresses only: pages show them, and a name or password would be shown too."""
    if not photo:
        return
    if len(photo) > LONGEST_PHOTO:
        raise LimitError(f"a photo's address may have at most {LONGEST_PHOTO} characters")
    try:
        parts = urlsplit(photo)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
        good = good and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or not (photo.isascii() and photo.isprintable()) or set(photo) & set(' "<>\\'):
        raise WorkerDescriptionError(
            f"{photo[:80]!r} cannot be the address of a photo; give one like "
            "https://wiki.example.org/board.jpg, without a name or password"
        )


def deregister(world: World, uuid: str) -> Plan[None]:
    """Remove a worker that is out of service. Raises NotDeregisterableError otherwise."""
    worker = existing(world, uuid)
    if worker.state not in OUT_OF_SERVICE:
        raise NotDeregisterableError(standing=worker_standing(world, worker))
    removed = WorkerSaved(worker=worker, kind=EventKind.WORKER_DEREGISTERED, removed=True)
    return Plan(answer=None, steps=(*_forget_key(worker), removed))


def set_fail(world: World, uuid: str, reason: str, now: datetime) -> Plan[None]:
    """Fail a worker as its board reports. Raises FailInMaintenanceError where that is barred."""
    worker = existing(world, uuid)
    if worker.state in (WorkerState.MAINTENANCE, WorkerState.BUSY):
        raise FailInMaintenanceError(standing=worker_standing(world, worker))
    if worker.state is WorkerState.FAILED:
        return Plan(answer=None)
    _, steps = fail(world, worker, now, reason or "the board reported a failure")
    return Plan(answer=None, steps=steps)


def prepared(
    world: World,
    uuid: str,
    epoch: int,
    key: SessionKey,
    username: str,
    host_key: str | None,
    now: datetime,
    proposal: Grant | None = None,
) -> Plan[bool]:
    """Make a worker IDLE that was proved clean and got its key. Raises StaleEpochError.

    One that is borrowed is lent in the same breath, to nobody else than it was prepared for; any
    other to whom it was proposed for, as it was before, if that still holds. The answer tells
    whether that one has it.
    """
    worker = _at_epoch(world, uuid, epoch, WorkerState.PREPARE)
    request = taker(world, worker)
    if request is not None and not may_still(world, worker, request):
        why = f"{request.owner_name} does not look after it any more"
        return Plan(answer=False, steps=(*dropped(world, worker, now, why), *back(worker, now)))
    if request is None and worker.borrowed_from is not None:
        return Plan(answer=False, steps=back(worker, now))
    if request is None:
        worker = replace(worker, borrower=None)
    reason = None if request is None else worker.reason
    idle = replace(
        move_worker(worker, WorkerState.IDLE, now, reason), username=username, host_key=host_key
    )
    granted = False
    if request is None and proposal is not None:
        revision = proposal.worker_revision + idle.revision - worker.revision
        request = receiver(world, proposal._replace(worker_revision=revision), idle, now)
        granted = request is not None
    lent = () if request is None else lend(world, request, idle, now)
    return Plan(answer=granted, steps=(KeySaved(key=key), _state(idle), *lent))


def cleaned(world: World, uuid: str, epoch: int, now: datetime) -> Plan[None]:
    """Put an evicted and cleaned worker into MAINTENANCE. Raises StaleEpochError."""
    worker = _at_epoch(world, uuid, epoch, WorkerState.BUSY)
    if worker.borrowed_from is WorkerState.FAILED:
        again = move_worker(worker, WorkerState.FAILED, now, worker.reason)
        return Plan(answer=None, steps=(_state(again),))
    resting = move_worker(worker, WorkerState.MAINTENANCE, now, worker.reason)
    if not worker.idle_again:
        return Plan(answer=None, steps=(_state(resting),))
    preparing = replace(move_worker(resting, WorkerState.PREPARE, now), idle_again=False)
    return Plan(answer=None, steps=(_state(resting), _state(preparing)))


def failed(world: World, uuid: str, epoch: int, now: datetime, reason: str) -> Plan[None]:
    """Fail a worker whose operation of this epoch failed. Raises StaleEpochError."""
    worker = world.worker(uuid)
    if worker is None or worker.epoch != epoch or worker.state in OUT_OF_SERVICE:
        raise StaleEpochError
    _, steps = fail(world, worker, now, reason)
    return Plan(answer=None, steps=steps)


def recovered(world: World, uuid: str, epoch: int, now: datetime) -> Plan[None]:
    """Prepare a FAILED worker that is in reach and healthy again, or put it aside if it flaps.

    Raises StaleEpochError.
    """
    worker = _at_epoch(world, uuid, epoch, WorkerState.FAILED)
    return Plan(answer=None, steps=(_state(recover(worker, world.settings, now)),))


def recheck(world: World, uuid: str, epoch: int, now: datetime) -> Plan[None]:
    """Take an IDLE worker out for a thorough test, after which it is IDLE again by itself.

    Its key was never handed out. Raises StaleEpochError.
    """
    worker = _at_epoch(world, uuid, epoch, WorkerState.IDLE)
    busy = replace(
        move_worker(worker, WorkerState.BUSY, now, "taken out for its health test"),
        idle_again=True,
    )
    return Plan(answer=None, steps=(*_forget_key(worker), _state(busy)))


def described(world: World, uuid: str, facts: Mapping[str, str]) -> Plan[None]:
    """Note what a board says of itself; facts never take part in any decision."""
    worker = world.worker(uuid)
    if worker is None or worker.facts == facts:
        return Plan(answer=None)
    noted = replace(worker, facts=facts, revision=worker.revision + 1)
    return Plan(answer=None, steps=(WorkerSaved(worker=noted, kind=EventKind.WORKER_DESCRIBED),))


def expire_preparation(
    world: World, uuid: str, now: datetime, possible_since: datetime
) -> Plan[bool]:
    """Fail a worker that passed too long in PREPARE or BUSY (I17); False when not due.

    No time counts in which it could not be prepared for want of a relay.
    """
    worker = world.worker(uuid)
    limit = world.settings.prepare_timeout
    if worker is None or worker.state not in PASSING:
        return Plan(answer=False)
    if now < max(worker.since, possible_since) + limit:
        return Plan(answer=False)
    _, steps = fail(world, worker, now, f"still in {worker.state} after {duration(limit)}")
    return Plan(answer=True, steps=steps)


def move_port(world: World, uuid: str, port: int) -> Plan[None]:
    """Give a worker the next free tunnel port when another program holds its own.

    A running job keeps its port, since its user has it. Raises PortsExhaustedError.
    """
    worker = world.worker(uuid)
    if worker is None or worker.port != port or worker.state is WorkerState.RUNNING:
        return Plan(answer=None)
    free = world.free_port(after=port)
    if free is None:
        raise PortsExhaustedError
    moved = replace(worker, port=free, revision=worker.revision + 1)
    return Plan(answer=None, steps=(WorkerSaved(worker=moved, kind=EventKind.WORKER_CHANGED),))


def set_aside_again(worker: Worker, reason: str | None) -> WorkerSaved:
    """Tell a worker in MAINTENANCE that it is to be there, so that its board shows the sign."""
    again = replace(worker, reason=reason or worker.reason, revision=worker.revision + 1)
    return _state(again)


def fail(
    world: World, worker: Worker, now: datetime, reason: str
) -> tuple[Worker, tuple[Step, ...]]:
    """Return the failed worker and the steps that fail it together with its job."""
    if worker.state is WorkerState.RUNNING:
        return _evict(world, worker, WorkerState.FAILED, now, reason, wait_if_unseen=True)
    broken = move_worker(take_back(worker), WorkerState.FAILED, now, reason)
    gone = dropped(world, worker, now, reason)
    return broken, (*_forget_key(worker), *gone, _state(broken))


def existing(world: World, uuid: str) -> Worker:
    """Return a registered worker. Raises WorkerNotFoundError."""
    worker = world.worker(uuid)
    if worker is None:
        raise WorkerNotFoundError
    return worker


def _evict(
    world: World,
    worker: Worker,
    to: WorkerState,
    now: datetime,
    reason: str,
    *,
    wait_if_unseen: bool = False,
) -> tuple[Worker, tuple[Step, ...]]:
    """Take a running worker from its job: a LIVE one fails, an OPENING one waits on.

    With ``wait_if_unseen`` a LIVE one that nobody has had the board for waits on, too, if its owner
    may be lent another.
    """
    moved = replace(move_worker(worker, to, now, reason), idle_again=False)
    request = world.holder(worker.uuid)
    if request is None:
        return moved, (_state(moved),)
    job = request.live_job
    opening = request.state is RequestState.WAITING
    # For one that borrows it there is no other board.
    unseen = wait_if_unseen and job is not None and is_unseen(job) and not request.borrows
    unseen = unseen and lapse(world.account(request.owner), request) is None
    requeue = opening or unseen
    over, steps = end_job(world, request, now, reason, requeue=requeue, to=to)
    rest = tuple(step for step in steps if not isinstance(step, WorkerSaved))
    if opening:
        saved = requeued(over)
    elif unseen:
        saved = wait_again(over, now, f"{worker.name} was taken away: {reason}")
    else:
        why = f"{worker.name} was taken away: {reason}"
        failed_request = move_request(over, RequestState.FAILED, now, why)
        saved = RequestSaved(request=failed_request, kind=EventKind.REQUEST_FINISHED)
    return moved, (*rest, _state(moved), saved)


def _forget_key(worker: Worker) -> tuple[Step, ...]:
    return (KeyErased(worker=worker.uuid, epoch=worker.epoch),)


def _state(worker: Worker) -> WorkerSaved:
    return WorkerSaved(worker=worker, kind=EventKind.WORKER_STATE)


def _at_epoch(world: World, uuid: str, epoch: int, state: WorkerState) -> Worker:
    worker = world.worker(uuid)
    if worker is None or worker.epoch != epoch or worker.state is not state:
        raise StaleEpochError
    return worker
