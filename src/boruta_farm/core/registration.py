"""What happens when a board registers, for the first time or again."""

from dataclasses import replace
from datetime import datetime

from boruta_farm.core.borrowing import aside_later, dropped
from boruta_farm.core.enrolment import Identity, identify
from boruta_farm.core.flapping import recover
from boruta_farm.core.names import check_worker_name
from boruta_farm.core.plan import KeyErased, Plan, Step, WorkerSaved
from boruta_farm.core.requests import check_caps
from boruta_farm.core.transitions import move_worker
from boruta_farm.core.workers import fail, set_aside_again
from boruta_farm.core.world import World
from boruta_farm.model.errors import (
    AddressError,
    LimitError,
    MissingUUIDError,
    PortsExhaustedError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.sizes import size_of
from boruta_farm.model.spelling import folded, normal
from boruta_farm.model.worker import UUID_CAPABILITY, Fence, Registration, Worker, WorkerState

RESTING = frozenset({WorkerState.IDLE, WorkerState.RUNNING})
"""States in which the agent's epoch must be the worker's: it has proved this preparation."""


MOST_TOLD = 65_536
"""Bytes of a board's capabilities and facts: every list of boards tells them."""

NEWLY = "newly registered"
"""Why a board is set aside that nobody has taken into service yet."""


def register(world: World, registration: Registration, now: datetime) -> Plan[Worker]:
    """Make a board known, or go on with a known one; the answer is the worker afterwards.

    A new board starts in MAINTENANCE. A known one that changed its capabilities or ports goes
    through BUSY to MAINTENANCE (a fenced board after its job); an unchanged FAILED one is
    prepared again; a fenced one that rebooted, or lost what it knew, loses its job.
    Raises the errors of ``contracts.Superviser.register``.
    """
    uuid = _known_as(world, registration.caps.get(UUID_CAPABILITY, ""))
    if not uuid:
        raise MissingUUIDError
    registration = replace(registration, caps={**registration.caps, UUID_CAPABILITY: uuid})
    check_caps(registration.caps, world.settings)
    _check_size(registration)
    _port_of(registration.dryad_address, "dryad_address")
    _port_of(registration.ssh_address, "ssh_address")
    known = world.worker(uuid)
    identity = identify(world, uuid, known, registration, now)
    if known is None:
        plan = _first(world, uuid, registration, identity, now)
    elif registration.beside:
        plan = _beside(known, identity)
    else:
        plan = _again(world, known, registration, identity, now)
    return Plan(answer=plan.answer, steps=(*identity.steps, *plan.steps))


def _check_size(registration: Registration) -> None:
    told = (registration.caps, registration.facts or {})
    size = sum(size_of(text) for texts in told for pair in texts.items() for text in pair)
    if size > MOST_TOLD:
        raise LimitError(
            f"capabilities and facts of {size} bytes together are too many; a board tells at most "
            f"{MOST_TOLD} bytes of itself"
        )


def _known_as(world: World, told: str) -> str:
    """Return the UUID that a board is known by, however it spells it now.

    One that is registered in this very spelling stays: so do two that an earlier version took for
    different boards.
    """
    if not told or world.worker(told) is not None:
        return told
    uuid = normal(told)
    if world.worker(uuid) is not None:
        return uuid
    like = [w.uuid for w in world.workers_like(uuid) if folded(w.uuid) == folded(uuid)]
    return like[0] if like else uuid


def _first(
    world: World, uuid: str, registration: Registration, identity: Identity, now: datetime
) -> Plan[Worker]:
    port = world.free_port()
    if port is None:
        raise PortsExhaustedError
    worker = Worker(
        uuid=uuid,
        name=free_name(world, registration.name or uuid, uuid),
        state=WorkerState.MAINTENANCE,
        since=now,
        caps=registration.caps,
        groups=(),
        epoch=max(world.remembered_epoch(uuid), registration.epoch),
        fence=registration.fence,
        dryad_address=registration.dryad_address,
        ssh_address=registration.ssh_address,
        port=port,
        registered=now,
        reason=NEWLY,
        boot_id=registration.boot_id,
        credential=identity.credential,
        credential_since=identity.since,
        asked_name=registration.name,
        facts=registration.facts,
        reach=registration.reach,
        many_keys=registration.many_keys,
    )
    return Plan(
        answer=worker, steps=(WorkerSaved(worker=worker, kind=EventKind.WORKER_REGISTERED),)
    )


def _beside(known: Worker, identity: Identity) -> Plan[Worker]:
    """Let an agent in that has registered with another server already.

    What it knew when it dialled may be older than what it has done since through its other link,
    so nothing is concluded from it.
    """
    worker = replace(
        known,
        credential=identity.credential,
        credential_since=identity.since,
        next_credential=identity.coming,
    )
    if worker == known:
        return Plan(answer=known)
    worker = replace(worker, revision=worker.revision + 1)
    return Plan(
        answer=worker, steps=(WorkerSaved(worker=worker, kind=EventKind.WORKER_REGISTERED),)
    )


def _again(
    world: World, known: Worker, registration: Registration, identity: Identity, now: datetime
) -> Plan[Worker]:
    steps: list[Step] = []
    worker = known
    doubt = _doubt(known, registration)
    if doubt is not None:
        worker, failing = fail(world, worker, now, doubt)
        steps.extend(failing)
    changed = _changed(known, registration)
    worker = replace(
        worker,
        name=_renamed(world, known, registration),
        caps=registration.caps,
        epoch=max(worker.epoch, registration.epoch),
        fence=registration.fence,
        dryad_address=registration.dryad_address,
        ssh_address=registration.ssh_address,
        boot_id=registration.boot_id,
        asked_name=registration.name,
        credential=identity.credential,
        credential_since=identity.since,
        next_credential=identity.coming,
        facts=registration.facts,
        reach=registration.reach,
        many_keys=registration.many_keys,
        unreachable_since=None,
        dispute=None,
        revision=worker.revision + 1,
    )
    steps.append(WorkerSaved(worker=worker, kind=EventKind.WORKER_REGISTERED))
    if changed:
        worker, more = _set_aside(world, worker, now)
    elif worker.state is WorkerState.FAILED:
        worker = recover(worker, world.settings, now)
        more = (WorkerSaved(worker=worker, kind=EventKind.WORKER_STATE),)
    else:
        more = ()
    return Plan(answer=worker, steps=(*steps, *more))


def _set_aside(world: World, worker: Worker, now: datetime) -> tuple[Worker, tuple[Step, ...]]:
    """Send a changed board to maintenance: a fenced one after its job, another at once."""
    reason = "registered with other capabilities or ports than before"
    if worker.state is WorkerState.BUSY:
        return worker, ()
    if worker.state is WorkerState.MAINTENANCE:
        # Nobody has relied yet on what a board told that was never in service.
        saved = set_aside_again(worker, None if worker.reason == NEWLY else reason)
        return saved.worker, (saved,)
    steps: tuple[Step, ...] = ()
    if worker.state is WorkerState.RUNNING:
        if worker.fence is Fence.AGENT:
            later = replace(
                worker,
                after_job=True,
                idle_again=world.settings.idle_again and worker.borrowed_from is None,
                borrowed_from=aside_later(worker),
                reason=reason,
                revision=worker.revision + 1,
            )
            return later, (WorkerSaved(worker=later, kind=EventKind.WORKER_CHANGED),)
        worker, steps = fail(world, worker, now, reason)
    steps = (*steps, *dropped(world, worker, now, reason))
    # What was prepared was never handed out, and serves nobody any more.
    erased = KeyErased(worker=worker.uuid, epoch=worker.epoch)
    worker = replace(worker, borrowed_from=aside_later(worker))
    busy = replace(
        move_worker(worker, WorkerState.BUSY, now, reason),
        idle_again=world.settings.idle_again and worker.borrowed_from is None,
    )
    return busy, (*steps, erased, WorkerSaved(worker=busy, kind=EventKind.WORKER_STATE))


def _doubt(known: Worker, registration: Registration) -> str | None:
    """Return why a fenced board's present preparation cannot be trusted any more, if so (I2)."""
    if registration.fence is Fence.NONE or known.state not in RESTING:
        return None
    if known.boot_id is not None and registration.boot_id != known.boot_id:
        return "its supervisor was rebooted"
    if registration.epoch != known.epoch:
        return (
            f"its agent knows epoch {registration.epoch}, the farm epoch {known.epoch}: "
            "one of them lost its memory"
        )
    return None


def _changed(known: Worker, registration: Registration) -> bool:
    if dict(known.caps) != dict(registration.caps):
        return True
    if _port_of(known.ssh_address, "") != _port_of(registration.ssh_address, ""):
        return True
    return registration.fence is Fence.NONE and (
        _port_of(known.dryad_address, "") != _port_of(registration.dryad_address, "")
    )


def _port_of(address: str, what: str) -> int:
    host, _, port = address.rpartition(":")
    if not host:
        raise AddressError(f"IP address is missing from {what} {address!r}")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise AddressError(f"Port is missing from {what} {address!r}")
    return int(port)


def _renamed(world: World, known: Worker, registration: Registration) -> str:
    """Keep the name unless the board asks for another one than before, suffixes aside.

    So a name that an admin gave stays until somebody configures another one at the board.
    """
    wanted = registration.name
    if wanted is None or wanted in (known.name, known.asked_name):
        return known.name
    if known.name.startswith(f"{wanted}-"):
        return known.name
    return free_name(world, wanted, known.uuid)


def free_name(world: World, wanted: str, uuid: str) -> str:
    """Return the name, or with the lowest number that makes it free. Raises WorkerNameError."""
    wanted = normal(wanted)
    check_worker_name(wanted, uuid)
    name, number = wanted, 1
    while any(other.uuid != uuid for other in world.workers_like(name)):
        number += 1
        name = f"{wanted}-{number}"
    return name
