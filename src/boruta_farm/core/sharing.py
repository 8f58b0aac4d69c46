"""Whose keys open a job's session beside its own: its owner's, and of those it is shared with."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from boruta_farm.core.permissions import check_request
from boruta_farm.core.plan import Noted, Plan, RequestSaved, Step
from boruta_farm.core.rights import barred
from boruta_farm.core.sshkeys import board_key, fingerprint
from boruta_farm.core.standings import standing_of
from boruta_farm.core.world import World
from boruta_farm.model.account import Account
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.caller import Caller, serves
from boruta_farm.model.errors import (
    AccountNotFoundError,
    ForbiddenError,
    RequestNotFoundError,
    RequestStateError,
    SharingError,
    SSHKeyError,
    StaleEpochError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import Job
from boruta_farm.model.permission import Permission
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Fence, Worker

MOST_SHARED: Final = 10
"""Accounts that one request is shared with: what a board is told has bounds."""

MOST_CHARACTERS: Final = 128 * 1024
"""Of all keys of one session together."""

AccountOf = Callable[[str], Account | None]
"""Return the account of an id, as it is or is about to be."""


def session_keys(request: Request, worker: Worker, account_of: AccountOf) -> tuple[str, ...]:
    """Return the keys that open a board's session beside the one of its preparation.

    Accounts that are gone, disabled, or in none of the board's groups have none there. In a farm
    without users the job itself tells with which keys people have come to it.
    """
    if worker.fence is Fence.NONE:
        return ()
    if request.owner_groups is None:
        return () if request.live_job is None else request.live_job.keys
    owner = (request.owner,) if request.account_keys else ()
    found: dict[str, None] = {}
    for account_id in (*owner, *request.shared):
        account = account_of(account_id)
        if account is not None and _unfit(account, worker) is None:
            found.update(dict.fromkeys(keys_of(account)))
    found.pop(request.ssh_key or "", None)
    kept: list[str] = []
    room = MOST_CHARACTERS
    for key in found:
        room -= len(key)
        if room < 0:
            break
        kept.append(key)
    return tuple(kept)


def keys_of(account: Account) -> tuple[str, ...]:
    """Return an account's keys as boards get them; one kept since an older version may be none."""
    found = []
    for line in account.ssh_keys:
        try:
            found.append(board_key(line))
        except SSHKeyError:
            continue
    return tuple(found)


def with_keys(job: Job, keys: tuple[str, ...], staying: tuple[str, ...] = ()) -> Job:
    """Return a job with these keys; the board is to be told if they are others than before.

    What those of ``staying`` have opened goes on, like that of all who stayed before.
    """
    stays = tuple(key for key in dict.fromkeys((*job.staying, *staying)) if key not in keys)
    if (keys, stays) == (job.keys, job.staying):
        return job
    return replace(job, keys=keys, staying=stays, keys_seq=job.keys_seq + 1, keys_pending=True)


def rekeyed(
    world: World,
    request: Request,
    account_of: AccountOf | None = None,
    staying: tuple[str, ...] = (),
) -> Request:
    """Return a request whose job has the keys that it is to have now, its revision unchanged."""
    job = request.live_job
    worker = None if job is None else world.worker(job.worker)
    if job is None or worker is None:
        return request
    keys = session_keys(request, worker, account_of or world.account)
    return replace(request, job=with_keys(job, keys, staying))


def share(
    world: World, caller: Caller, request_id: int, name: str | None, now: datetime
) -> Plan[Request]:
    """Let an account's own keys open the session of a request, for its job only.

    That is for its owner, and for members of a group that lets them join. Sharing again changes
    nothing. Raises RequestNotFoundError, AccountNotFoundError, ForbiddenError, RequestStateError,
    SharingError.
    """
    request, account = _both(world, caller, request_id, name)
    if caller.id != request.owner and not (
        account is not None and account.id == caller.id and _may_join(world, caller, request)
    ):
        raise ForbiddenError(
            f"request {request.id} belongs to {request.owner_name}; only the owner shares it"
        )
    if account is None:
        raise AccountNotFoundError(f"there is no account {name!r}")
    if request.state.finished:
        raise RequestStateError(standing=standing_of(world, request))
    if account.id in request.shared:
        return Plan(answer=request)
    _check_shareable(world, request, account)
    names = (*(request.shared_names or ()), account.name)
    shared = replace(
        request,
        shared=(*request.shared, account.id),
        shared_names=names,
        revision=request.revision + 1,
    )
    return _told(rekeyed(world, shared), caller, Action.REQUEST_SHARED, account.name)


def unshare(
    world: World,
    caller: Caller,
    request_id: int,
    name: str | None,
    now: datetime,
    *,
    keep_sessions: bool = False,
) -> Plan[Request]:
    """Take an account's keys off the board of a request, and end what they have opened.

    That is for whoever may close the request, and for the account itself. Doing it again changes
    nothing. Raises RequestNotFoundError, AccountNotFoundError, ForbiddenError.
    """
    request, account = _both(world, caller, request_id, name)
    wanted = caller.name if name is None else name
    if account is None or account.id != caller.id:
        check_request(caller, request, Permission.CLOSE_REQUESTS)
    names = request.shared_names or ()
    if wanted not in names:
        if account is None:
            raise AccountNotFoundError(f"there is no account {wanted!r}")
        return Plan(answer=request)
    changed = without(request, request.shared[names.index(wanted)])
    staying = keys_of(account) if account is not None and keep_sessions else ()
    if request.live_job is not None:
        staying = tuple(key for key in staying if key in request.live_job.keys)
    return _told(rekeyed(world, changed, staying=staying), caller, Action.REQUEST_UNSHARED, wanted)


def open_to(
    world: World, caller: Caller, request_id: int, line: str, now: datetime
) -> Plan[Request]:
    """Let somebody onto the board of his running request by a key that he has proved to have.

    His account's keys open the session then, also where the request was filed without them; in a
    farm without users this key does. It changes nothing where they do. Raises RequestNotFoundError,
    RequestStateError, ForbiddenError, SSHKeyError, and SharingError for a board that takes one key
    and has another.
    """
    caller.require(Permission.FILE_REQUESTS)
    request = world.request(request_id)
    if request is None:
        raise RequestNotFoundError
    everybody, key = caller.groups is None, board_key(line)
    if everybody and request.ssh_key not in (None, key):
        raise ForbiddenError(
            f"request {request.id} was filed with another key, and opens to that alone"
        )
    if not everybody and caller.id not in (request.owner, *request.shared):
        raise ForbiddenError(f"request {request.id} is neither yours nor shared with you")
    job = request.live_job
    worker = None if job is None else world.worker(job.worker)
    if job is None or worker is None:
        raise RequestStateError(standing=standing_of(world, request))
    if key == request.ssh_key or key in job.keys:
        return Plan(answer=request)
    if worker.fence is Fence.NONE or not worker.many_keys:
        raise SharingError(f"{worker.name} takes one key only, and this request gave it another")
    if everybody:
        if len(job.keys) >= MOST_SHARED:
            raise SharingError(f"{MOST_SHARED} keys more than its own open the board already")
        opened = replace(request, job=with_keys(job, (*job.keys, key)))
    else:
        own = caller.id == request.owner
        opened = rekeyed(world, replace(request, account_keys=own or request.account_keys))
        if opened.live_job is None or key not in opened.live_job.keys:
            raise ForbiddenError(
                f"request {request.id} opens to keys of the account {caller.name}, and this is "
                "none, or not one for this board"
            )
    opened = replace(opened, revision=request.revision + 1)
    return _told(opened, caller, Action.REQUEST_KEYED, caller.name, key=fingerprint(key))


def without(request: Request, account_id: str) -> Request:
    """Return a request that is not shared with an account any more, its revision raised."""
    pairs = zip(request.shared, request.shared_names or (), strict=True)
    left = [(number, name) for number, name in pairs if number != account_id]
    return replace(
        request,
        shared=tuple(number for number, _ in left),
        shared_names=tuple(name for _, name in left) or None,
        revision=request.revision + 1,
    )


def keyed(world: World, uuid: str, epoch: int, sequence: int) -> Plan[None]:
    """Note that a board has taken the keys of its session. Raises StaleEpochError."""
    request = world.holder(uuid)
    job = None if request is None else request.live_job
    if request is None or job is None or job.epoch != epoch or job.keys_seq != sequence:
        raise StaleEpochError
    if not job.keys_pending:
        return Plan(answer=None)
    saved = replace(request, job=replace(job, keys_pending=None), revision=request.revision + 1)
    return Plan(answer=None, steps=(RequestSaved(request=saved, kind=EventKind.REQUEST_SHARED),))


def check_presence(caller: Caller, request: Request) -> None:
    """Raise ForbiddenError unless the caller may see who is on the board of a request."""
    if caller.id not in request.shared:
        check_request(caller, request, Permission.CLOSE_REQUESTS)


def _both(
    world: World, caller: Caller, request_id: int, name: str | None
) -> tuple[Request, Account | None]:
    caller.require(Permission.SHARE_REQUESTS)
    request = world.request(request_id)
    if request is None:
        raise RequestNotFoundError
    return request, world.account_named(caller.name if name is None else name)


def _may_join(world: World, caller: Caller, request: Request) -> bool:
    common = (caller.groups or frozenset()) & (request.owner_groups or frozenset())
    groups = (world.group(name) for name in common)
    return any(group is not None and group.members_join for group in groups)


def _check_shareable(world: World, request: Request, account: Account) -> None:
    if account.id == request.owner:
        raise SharingError(f"request {request.id} is {account.name}'s own")
    if (reason := barred(account)) is not None:
        raise SharingError(reason)
    if not keys_of(account):
        raise SharingError(
            f"{account.name} has no SSH key that could open the session; he adds one by: "
            "boruta user key add FILE.pub"
        )
    if len(request.shared) >= MOST_SHARED:
        raise SharingError(
            f"request {request.id} is shared with {MOST_SHARED} accounts, the most; take one off: "
            f"boruta unshare {request.id} ACCOUNT"
        )
    job = request.live_job
    worker = None if job is None else world.worker(job.worker)
    if worker is not None:
        check_takes_many(worker)
        if (reason := _unfit(account, worker)) is not None:
            raise SharingError(reason)


def check_takes_many(worker: Worker) -> None:
    """Raise SharingError for a board whose sessions cannot be shared."""
    if worker.fence is Fence.NONE or not worker.many_keys:
        raise SharingError(
            f"{worker.name} takes one key only, so its sessions cannot be shared; a newer agent of "
            "ours takes more"
        )


def _unfit(account: Account, worker: Worker) -> str | None:
    """Return why an account may not be on a board, None where it may."""
    if not serves(worker.groups, frozenset(account.groups)):
        return f"{account.name} is in none of the groups that {worker.name} serves"
    return barred(account)


def _told(
    request: Request, caller: Caller, action: Action, name: str, **more: str
) -> Plan[Request]:
    job = request.live_job
    note = Note(
        actor=caller.name,
        source=caller.source,
        action=action,
        subject=f"request {request.id}",
        detail={
            "owner": request.owner_name,
            "account": name,
            **more,
            **({} if job is None else {"worker": job.worker, "epoch": str(job.epoch)}),
        },
    )
    steps: tuple[Step, ...] = (
        RequestSaved(request=request, kind=EventKind.REQUEST_SHARED),
        Noted(note=note),
    )
    return Plan(answer=request, steps=steps)
