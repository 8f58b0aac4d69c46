"""Whether those who have filed requests may still be lent boards, judged anew when that changes."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from boruta_farm.core.auditing import FARM
from boruta_farm.core.confirmation import opened as open_job
from boruta_farm.core.ending import end_job, finished_early, requeued
from boruta_farm.core.plan import Noted, Plan, RequestSaved, Step
from boruta_farm.core.readying import readied as hand_over
from boruta_farm.core.rights import lapse, served
from boruta_farm.core.sharing import rekeyed, without
from boruta_farm.core.world import World
from boruta_farm.model.account import Account
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import Request, RequestState


def judge(world: World, request_id: int, now: datetime) -> Plan[bool]:
    """Judge a waiting request anew: cancel it, or let it wait on for its owner's present groups.

    An opening job on a board that does not serve these is aborted. False where all is as it was.
    """
    request = world.request(request_id)
    if request is None or request.state is not RequestState.WAITING:
        return Plan(answer=False)
    reason = lapse(world.account(request.owner), request)
    if reason is not None:
        steps = finished_early(world, request, RequestState.CANCELLED, now, reason)
        note = _note(request, Action.REQUEST_CLOSED, reason)
        return Plan(answer=True, steps=(*steps, note))
    account = world.account(request.owner)
    if account is None or request.owner_groups == frozenset(account.groups):
        return Plan(answer=False)
    found: list[Step] = []
    groups = frozenset(account.groups)
    if not _still_served(world, request, account):
        words = "its owner is in other groups"
        request, aborted = end_job(world, request, now, words, requeue=True)
        found.extend((*aborted, requeued(replace(request, owner_groups=groups))))
    else:
        found.append(_regrouped(request, groups))
    told = f"its owner is in other groups: {', '.join(account.groups) or 'none'}"
    return Plan(answer=True, steps=(*found, _note(request, Action.REQUEST_CHANGED, told)))


def opened(
    world: World, uuid: str, epoch: int, now: datetime, began: datetime | None = None
) -> Plan[None]:
    """Start the job whose own key the agent has installed, if its owner may still have the board.

    Its length counts from ``began``, by default from now. Else it is aborted, as ``judge`` decides.
    Raises StaleEpochError.
    """
    lapsed = _lapsed(world, uuid, epoch, now)
    return lapsed or open_job(world, uuid, epoch, now, began)


def readied(world: World, uuid: str, epoch: int, now: datetime) -> Plan[None]:
    """Hand over a board that was made ready, as ``opened`` does. Raises StaleEpochError."""
    lapsed = _lapsed(world, uuid, epoch, now)
    return lapsed or hand_over(world, uuid, epoch, now)


def _lapsed(world: World, uuid: str, epoch: int, now: datetime) -> Plan[None] | None:
    """Return what aborts a job that has not begun and whose owner may not be lent the board now."""
    request = world.holder(uuid)
    if request is None or request.live_job is None or request.live_job.epoch != epoch:
        return None
    account = world.account(request.owner)
    if lapse(account, request) is None and _still_served(world, request, account):
        return None
    return Plan(answer=None, steps=judge(world, request.id, now).steps)


def judge_running(
    world: World,
    account: Account,
    now: datetime,
    *,
    removed: bool = False,
    keep: bool = False,
    ending: Collection[str] = (),
) -> tuple[Step, ...]:
    """Return what becomes of an account's running jobs when it has become ``account``.

    Those that it would not be lent any more end, unless they shall be kept; the others go on, for
    its present groups and with its present keys, as do those that others share with it. Jobs whose
    own key is among those ``ending`` end, too.
    """
    steps: list[Step] = []
    groups = frozenset(account.groups)
    present = None if removed else account

    def account_of(account_id: str) -> Account | None:
        return present if account_id == account.id else world.account(account_id)

    for request in world.held_by(account.id):
        reason = lapse(present, request)
        if reason is None and not _still_served(world, request, account):
            reason = f"{account.name} is in none of its board's groups any more"
        running = request.state is RequestState.IN_PROGRESS
        end = reason
        if end is None and request.ssh_key in ending:
            end = f"its SSH key was taken off the account {account.name}"
        if running and end is not None and not keep:
            steps.extend(finished_early(world, request, RequestState.DONE, now, end))
            continue
        regrouped = running and not removed and request.owner_groups not in (None, groups)
        changed = replace(request, owner_groups=groups) if regrouped else request
        if reason is None:
            changed = rekeyed(world, changed, account_of)
        steps.extend(_changed(request, changed))
    for request in world.shared_with(account.id):
        left = without(request, account.id) if removed else request
        steps.extend(_changed(request, rekeyed(world, left, account_of)))
    return tuple(steps)


def _changed(before: Request, after: Request) -> tuple[Step, ...]:
    """Return what saves a request that has become another, nothing where it has not."""
    if after == before:
        return ()
    saved = replace(after, revision=before.revision + 1)
    return (RequestSaved(request=saved, kind=EventKind.REQUEST_UPDATED),)


def _still_served(world: World, request: Request, account: Account | None) -> bool:
    job = request.live_job
    worker = None if job is None else world.worker(job.worker)
    return worker is None or served(worker, request, account)


def _regrouped(request: Request, groups: frozenset[str]) -> RequestSaved:
    changed = replace(request, owner_groups=groups, revision=request.revision + 1)
    return RequestSaved(request=changed, kind=EventKind.REQUEST_UPDATED)


def _note(request: Request, action: Action, reason: str) -> Noted:
    note = Note(
        actor=FARM,
        action=action,
        subject=f"request {request.id}",
        detail={"owner": request.owner_name, "reason": reason},
    )
    return Noted(note=note)
