"""Which agent may speak for a board: credentials pinned, renewed, revoked; invitations."""

from dataclasses import dataclass, replace
from datetime import datetime

from boruta_farm.core.plan import Noted, Plan, Step, WorkerNoted, WorkerSaved
from boruta_farm.core.tokens import use
from boruta_farm.core.world import World
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    CredentialError,
    EnrolmentError,
    MissingUUIDError,
    UnauthenticatedError,
    WorkerNotFoundError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Permission
from boruta_farm.model.settings import Enrolment
from boruta_farm.model.token import TokenKind, token_id
from boruta_farm.model.worker import REVOKED, UUID_CAPABILITY, Registration, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Carry how a board is known from now on, and what that changes besides the board."""

    credential: str | None = None
    since: datetime | None = None
    coming: str | None = None
    steps: tuple[Step, ...] = ()


def identify(
    world: World, uuid: str, known: Worker | None, registration: Registration, now: datetime
) -> Identity:
    """Return the identity of a board that registers.

    A board over Go RPC has none, and cannot take over one that has. An agent is known by its
    pinned credential, or by the one it has announced, which then takes the other's place. A
    board without a credential is pinned to the one it brings if it may enrol; one with another
    credential only by an invitation that names its UUID.
    Raises CredentialError and EnrolmentError.
    """
    pinned = None if known is None else known.credential
    presented = registration.credential
    if presented is None:
        if pinned is not None:
            raise CredentialError
        return Identity()
    if known is not None and presented == pinned:
        return Identity(
            credential=pinned, since=known.credential_since, coming=known.next_credential
        )
    if known is not None and presented == known.next_credential:
        return Identity(credential=presented, since=now)
    return _enrol(world, uuid, pinned, registration, presented, now)


def recognise(world: World, registration: Registration, now: datetime) -> Plan[bool]:
    """Tell whether a board is known by what it brings, or (False) would be enrolled by it.

    Raises MissingUUIDError, CredentialError, EnrolmentError, as registering would.
    """
    uuid = registration.caps.get(UUID_CAPABILITY)
    if not uuid:
        raise MissingUUIDError
    identity = identify(world, uuid, world.worker(uuid), registration, now)
    return Plan(answer=not identity.steps)


def _enrol(
    world: World,
    uuid: str,
    pinned: str | None,
    registration: Registration,
    presented: str,
    now: datetime,
) -> Identity:
    """Pin a board to the credential it brings."""
    secret = registration.join_token
    if pinned is not None and not _names(world, secret, uuid):
        if pinned == REVOKED:
            raise CredentialError(
                "this board's credential was revoked; it comes in again with a join token of "
                f"'boruta agent invite --uuid {uuid}'"
            )
        raise CredentialError
    steps: tuple[Step, ...] = ()
    by = "open enrolment"
    if pinned is not None or not _welcome(world, registration):
        if secret is None:
            raise EnrolmentError
        try:
            used = use(world, secret, TokenKind.JOIN, uuid, now)
        except UnauthenticatedError as error:
            raise EnrolmentError(error.message) from None
        steps, by = used.steps, f"token {used.answer.id}"
    note = Note(
        actor=f"agent {uuid}",
        source=registration.source,
        action=Action.AGENT_ENROLLED,
        subject=f"worker {uuid}",
        detail={"by": by, "again": "yes"} if pinned is not None else {"by": by},
    )
    return Identity(credential=presented, since=now, steps=(*steps, Noted(note=note)))


def _names(world: World, secret: str | None, uuid: str) -> bool:
    """Tell whether an invitation is bound to this UUID; whether it is good is for ``use``."""
    token = world.token(token_id(secret or "") or "")
    return token is not None and token.worker == uuid


def _welcome(world: World, registration: Registration) -> bool:
    rule = world.settings.enrolment
    return rule is Enrolment.OPEN or (rule is Enrolment.LOOPBACK and registration.local)


def refused(uuid: str, source: str, reason: str, count: int) -> Note:
    """Return what is entered about an agent that was turned away."""
    return Note(
        actor=f"agent {uuid}",
        source=source,
        action=Action.AGENT_REFUSED,
        subject=f"worker {uuid}",
        detail={"reason": reason, "times": str(count)},
    )


def dispute(world: World, uuid: str, reason: str, source: str, now: datetime) -> Plan[None]:
    """Tell that somebody at ``source`` claims a worker's UUID; the board and its job stay."""
    worker = _worker(world, uuid)
    words = f"{reason} ({now:%Y-%m-%d %H:%M} UTC)"
    known = replace(worker, dispute=words, revision=worker.revision + 1)
    return Plan(
        answer=None,
        steps=(
            WorkerSaved(worker=known, kind=EventKind.WORKER_DESCRIBED),
            WorkerNoted(worker=known, kind=EventKind.WORKER_DISPUTED, reason=reason),
            Noted(note=refused(uuid, source, reason, 1)),
        ),
    )


def renew(world: World, uuid: str, present: str, coming: str) -> Plan[None]:
    """Accept a coming credential beside the present one.

    Raises WorkerNotFoundError, and CredentialError for one that is not accepted any more.
    """
    worker = _worker(world, uuid)
    if present not in (worker.credential, worker.next_credential) or coming == REVOKED:
        raise CredentialError
    if coming in (worker.credential, worker.next_credential):
        return Plan(answer=None)
    return _saved(replace(worker, next_credential=coming, revision=worker.revision + 1))


def revoke(world: World, caller: Caller, uuid: str) -> Plan[None]:
    """Take a board's credential away: its agent is not let in until it is invited anew.

    Raises ForbiddenError, WorkerNotFoundError, CredentialError for a board that has none.
    """
    caller.require(Permission.MANAGE_AGENTS)
    worker = _worker(world, uuid)
    if worker.credential is None:
        raise CredentialError(
            f"{worker.name} came over Go RPC, which knows no credentials; deregister it instead"
        )
    without = replace(
        worker,
        credential=REVOKED,
        credential_since=None,
        next_credential=None,
        revision=worker.revision + 1,
    )
    note = Note(
        actor=caller.name,
        source=caller.source,
        action=Action.AGENT_REVOKED,
        subject=f"worker {uuid}",
        detail={"name": worker.name},
    )
    return Plan(answer=None, steps=(*_saved(without).steps, Noted(note=note)))


def _worker(world: World, uuid: str) -> Worker:
    worker = world.worker(uuid)
    if worker is None:
        raise WorkerNotFoundError
    return worker


def _saved(worker: Worker) -> Plan[None]:
    step = WorkerSaved(worker=worker, kind=EventKind.WORKER_CHANGED)
    return Plan(answer=None, steps=(step,))
