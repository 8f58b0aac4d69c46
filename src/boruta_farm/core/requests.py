"""What happens to requests: filed, changed, closed, timed out, orphaned."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from boruta_farm.core import borrowing
from boruta_farm.core.calendar import one_month_after
from boruta_farm.core.ending import end_job, finished_early
from boruta_farm.core.plan import CreationRemembered, Plan, RequestSaved, Step
from boruta_farm.core.readiness import with_demands, with_readiness
from boruta_farm.core.rights import limits_of
from boruta_farm.core.sshkeys import board_key
from boruta_farm.core.standings import standing_of
from boruta_farm.core.world import World
from boruta_farm.model.account import Limits
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    BorutaError,
    DeadlineInPastError,
    IdempotencyError,
    KeepAliveError,
    LengthError,
    LimitError,
    PriorityError,
    QuotaError,
    RequestNotFoundError,
    RequestStateError,
    SSHKeyError,
    TimeRangeError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    SHORTEST_IDLE_END,
    SHORTEST_LENGTH,
    NewRequest,
    Request,
    RequestState,
    RequestUpdate,
)
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.sizes import size_of
from boruta_farm.selectors.selector import check_exact, parse
from boruta_farm.words.durations import duration

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_UNLIMITED = Limits()
KEEP_ALIVE_RANGE = range(10, 3601)
MOST_CONTEXT, LONGEST_CONTEXT_NAME, LONGEST_CONTEXT_VALUE = 16, 64, 1024


def create(
    world: World,
    caller: Caller,
    new: NewRequest,
    now: datetime,
    unmet: BorutaError | None = None,
) -> Plan[Request]:
    """File a request; a repeated Idempotency-Key answers with the request it made first.

    ``unmet`` is why a strict request may not be filed now, if so; a repetition has been filed.
    Raises that and the errors of ``contracts.Requests.new_request``.
    """
    if new.idempotency_key is not None:
        known = world.remembered_creation(caller.id, new.idempotency_key)
        if known is not None:
            body_hash, request_id = known
            if body_hash != new.body_hash:
                raise IdempotencyError
            return Plan(answer=_existing(world, request_id))
    if unmet is not None:
        raise unmet
    if new.borrow:
        borrowing.check_new(new)
    limits = _UNLIMITED if caller.groups is None else limits_of(world, caller.id)
    valid_after = new.valid_after or now
    deadline = new.deadline or one_month_after(max(valid_after, now))
    if deadline < now:
        raise DeadlineInPastError
    if new.deadline is not None and deadline < valid_after:
        raise TimeRangeError
    # After the times: the original tells the first of several faults in this order.
    _check_priority(new.priority, limits)
    _check_keep_alive(new.keep_alive)
    _check_length(new.length, caller.name, limits, world.settings)
    _check_idle_end(new.idle_end)
    check_context(new.context or {})
    own_key = None if new.ssh_key is None else board_key(new.ssh_key)
    new = with_readiness(new)
    check_caps(new.caps or {}, world.settings)
    selector = check_selector(new.selector, new.caps or {}, world.settings)
    selector = with_demands(selector, new)
    _check_waiting(world, caller, limits)
    ssh_key = None if new.borrow else own_key or _account_key(world, caller, new)
    size = held_by(new.caps, selector, ssh_key, new.image, new.boot_until, context=new.context)
    _check_size(world, caller.id, caller.name, size)
    request = Request(
        id=world.next_request_id(),
        owner=caller.id,
        owner_name=caller.name,
        owner_groups=caller.groups,
        priority=new.priority,
        valid_after=valid_after,
        deadline=deadline,
        state=RequestState.WAITING,
        caps=new.caps,
        selector=selector,
        created=now,
        ssh_key=ssh_key,
        keep_alive=new.keep_alive,
        length=new.length,
        idle_end=new.idle_end,
        context=new.context or None,
        borrows=new.borrow or None,
        image=new.image,
        storage=new.storage,
        boot_until=new.boot_until,
        account_keys=new.account_key is not False,
        size=size,
    )
    steps: list[Step] = [RequestSaved(request=request, kind=EventKind.REQUEST_CREATED)]
    if request.borrows:
        steps.extend(borrowing.begin(world, caller, request, now))
    if new.idempotency_key is not None:
        steps.append(
            CreationRemembered(
                owner=caller.id,
                key=new.idempotency_key,
                body_hash=new.body_hash or "",
                request_id=request.id,
            )
        )
    return Plan(answer=request, steps=tuple(steps))


def draft(caller: Caller, new: NewRequest) -> Request:
    """Return a request as it would be matched, without id and times, to be asked about only.

    Raises SelectorError, ReadinessError.
    """
    selector = None if new.selector is None else str(parse(new.selector)) or None
    selector = with_demands(selector, with_readiness(new))
    return Request(
        id=0,
        owner=caller.id,
        owner_name=caller.name,
        owner_groups=caller.groups,
        priority=new.priority,
        valid_after=_LONG_AGO,
        deadline=_LONG_AGO,
        state=RequestState.WAITING,
        caps=new.caps,
        selector=selector,
        created=_LONG_AGO,
    )


def update(world: World, request_id: int, change: RequestUpdate, now: datetime) -> Plan[None]:
    """Change a waiting request; a grant being opened for it is aborted by the caller's engine.

    A deadline alone is not compared with the stored valid-after, a valid-after alone is
    compared with the stored deadline: so does the original.
    """
    if replace(change, priority=change.priority or None) == RequestUpdate():
        return Plan(answer=None)
    request = _existing(world, request_id)
    if request.state is not RequestState.WAITING:
        raise RequestStateError(standing=standing_of(world, request))
    borrowing.check_update(request, change)
    known = request.owner_groups is not None
    limits = limits_of(world, request.owner) if known else _UNLIMITED
    if change.priority:
        _check_priority(change.priority, limits)
    _check_length(change.length or None, request.owner_name, limits, world.settings)
    if change.deadline is not None and change.deadline < now:
        raise DeadlineInPastError
    deadline = change.deadline or request.deadline
    if change.valid_after is not None and change.valid_after > deadline:
        raise TimeRangeError
    wanted = _changed_wishes(request, change, world.settings)
    held = replace(request, **wanted)
    size = held_by(
        held.caps, held.selector, held.ssh_key, held.image, held.boot_until, context=held.context
    )
    if wanted.keys() & {"caps", "ssh_key"}:
        _check_size(world, request.owner, request.owner_name, size, request.size)
        wanted["size"] = size
    steps: list[Step] = []
    if request.live_job is not None:
        request, aborted = end_job(world, request, now, "the request was changed", requeue=True)
        steps.extend(aborted)
    changed = replace(
        request,
        **wanted,
        priority=change.priority or request.priority,
        valid_after=change.valid_after or request.valid_after,
        deadline=deadline,
        revision=request.revision + 1,
    )
    steps.append(RequestSaved(request=changed, kind=EventKind.REQUEST_UPDATED))
    return Plan(answer=None, steps=tuple(steps))


def _changed_wishes(
    request: Request, change: RequestUpdate, settings: FarmSettings
) -> dict[str, Any]:
    """Return the fields of a request that an update changes in what is asked for.

    Whether any board could serve it is looked at anew, as for a new request.
    """
    _check_keep_alive(change.keep_alive or None)
    wanted: dict[str, Any] = {}
    if change.caps is not None or change.selector is not None:
        caps = request.caps if change.caps is None else change.caps
        check_caps(caps or {}, settings)
        text = request.selector if change.selector is None else change.selector
        selector = with_demands(check_selector(text, caps or {}, settings), request)
        wanted = {"caps": caps, "selector": selector, "orphaned_since": None}
    if change.ssh_key is not None:
        own_key = board_key(change.ssh_key) if change.ssh_key else None
        wanted |= {"ssh_key": own_key, "orphaned_since": None}
    if change.keep_alive is not None:
        wanted["keep_alive"] = change.keep_alive or None
    if change.length is not None:
        wanted["length"] = change.length or None
    return wanted


def close(world: World, request_id: int, now: datetime) -> Plan[None]:
    """Cancel a waiting request, or finish a running one and take its worker back."""
    request = _existing(world, request_id)
    if request.state is RequestState.WAITING:
        steps = finished_early(world, request, RequestState.CANCELLED, now, "closed")
        return Plan(answer=None, steps=steps)
    if request.state is RequestState.IN_PROGRESS:
        steps = finished_early(world, request, RequestState.DONE, now, "closed")
        return Plan(answer=None, steps=steps)
    raise RequestStateError(standing=standing_of(world, request))


def expire(world: World, request_id: int, now: datetime) -> Plan[bool]:
    """Time a waiting request out at its deadline; False when that is not due (any more)."""
    request = world.request(request_id)
    if request is None or request.state is not RequestState.WAITING or now < request.deadline:
        return Plan(answer=False)
    reason = "the deadline passed before a worker was free"
    if request.live_job is not None:
        reason = "the deadline passed while its board was made ready or opened"
    steps = finished_early(world, request, RequestState.TIMEOUT, now, reason)
    return Plan(answer=True, steps=steps)


def orphan(world: World, request_id: int, now: datetime) -> Plan[bool]:
    """Note that the last registered worker that could serve a waiting request is gone."""
    request = world.request(request_id)
    if request is None or request.state is not RequestState.WAITING or request.orphaned_since:
        return Plan(answer=False)
    changed = replace(request, orphaned_since=now, revision=request.revision + 1)
    return Plan(
        answer=True, steps=(RequestSaved(request=changed, kind=EventKind.REQUEST_ORPHANED),)
    )


def adopt(world: World, request_id: int, now: datetime) -> Plan[bool]:
    """Note that a registered worker could serve an orphaned request again, at whatever time."""
    request = world.request(request_id)
    if request is None or request.finished is not None or request.orphaned_since is None:
        return Plan(answer=False)
    changed = replace(request, orphaned_since=None, revision=request.revision + 1)
    return Plan(answer=True, steps=(RequestSaved(request=changed, kind=EventKind.REQUEST_ADOPTED),))


def invalidate(world: World, request_id: int, now: datetime) -> Plan[bool]:
    """End a request as INVALID that has been orphaned for the settings' time."""
    request = world.request(request_id)
    if request is None or request.state is not RequestState.WAITING:
        return Plan(answer=False)
    since = request.orphaned_since
    if since is None or now < since + world.settings.invalid_after:
        return Plan(answer=False)
    reason = f"no registered worker could serve it for {duration(world.settings.invalid_after)}"
    steps = finished_early(world, request, RequestState.INVALID, now, reason)
    return Plan(answer=True, steps=steps)


def check_caps(caps: Mapping[str, str], settings: FarmSettings) -> None:
    """Raise LimitError when capabilities are more or longer than the farm allows."""
    if len(caps) > settings.max_caps:
        raise LimitError(
            f"{len(caps)} capabilities exceed the farm's limit 'max_caps' of {settings.max_caps}"
        )
    for name, value in caps.items():
        if len(name) + len(value) > settings.max_cap_length:
            raise LimitError(
                f"capability {name[:40]!r} is longer than the farm's limit 'max_cap_length' "
                f"of {settings.max_cap_length} characters"
            )


def check_selector_length(text: str, most: int) -> None:
    """Raise LimitError for a selector that is longer than the farm allows, before it is read."""
    if len(text) > most:
        raise LimitError(
            f"a selector of {len(text)} characters exceeds the farm's limit "
            f"'max_selector_length' of {most}"
        )


def check_selector(text: str | None, caps: Mapping[str, str], settings: FarmSettings) -> str | None:
    """Return a selector's canonical text, None when it asks for nothing.

    Raises SelectorError when it cannot be read, or contradicts itself or ``caps``; LimitError
    when it is longer than the farm allows.
    """
    if text is None:
        return None
    check_selector_length(text, settings.max_selector_length)
    selector = parse(text)
    check_exact(text, caps)
    return str(selector) or None


def _existing(world: World, request_id: int) -> Request:
    request = world.request(request_id)
    if request is None:
        raise RequestNotFoundError
    return request


def _check_priority(priority: int, limits: Limits) -> None:
    if not HIGHEST_PRIORITY <= priority <= LOWEST_PRIORITY:
        raise PriorityError
    highest = limits.highest_priority or HIGHEST_PRIORITY
    lowest = limits.lowest_priority or LOWEST_PRIORITY
    if not highest <= priority <= lowest:
        raise PriorityError(
            f"requested priority out of bounds: this account may ask for {highest} to {lowest}"
        )


def _check_length(
    length: timedelta | None, name: str, limits: Limits, settings: FarmSettings
) -> None:
    if length is None:
        return
    if length < SHORTEST_LENGTH:
        raise LengthError
    if length > settings.job_limit:
        raise LengthError(
            f"a Length of {duration(length)} exceeds the farm's limit 'job_limit' of "
            f"{duration(settings.job_limit)}"
        )
    if limits.job_time is not None and length > limits.job_time:
        raise LengthError(
            f"a Length of {duration(length)} exceeds the limit 'job_time' of "
            f"{duration(limits.job_time)} that {name} has; prolong the job once it runs"
        )


def _check_idle_end(idle_end: timedelta | None) -> None:
    if idle_end is not None and idle_end < SHORTEST_IDLE_END:
        raise LengthError(
            f"an IdleEnd is {duration(SHORTEST_IDLE_END)} at least; the farm's own counts where "
            "that is shorter"
        )


def _check_waiting(world: World, caller: Caller, limits: Limits) -> None:
    most = limits.waiting
    if most is not None and world.count_waiting(caller.id, most) >= most:
        raise QuotaError(
            f"{caller.name} may have {most} requests waiting at once and has them; close one, or "
            "file again when one has started"
        )


def check_context(context: Mapping[str, str]) -> None:
    """Raise LimitError for a context that is no few short lines: people read it in tables."""
    if len(context) > MOST_CONTEXT:
        raise LimitError(f"{len(context)} entries of Context exceed the limit of {MOST_CONTEXT}")
    for name, value in context.items():
        if len(name) > LONGEST_CONTEXT_NAME or len(value) > LONGEST_CONTEXT_VALUE:
            raise LimitError(
                f"Context {name[:40]!r} is longer than {LONGEST_CONTEXT_NAME} characters for its "
                f"name and {LONGEST_CONTEXT_VALUE} for its value"
            )


def held_by(
    caps: Mapping[str, str] | None,
    *texts: str | None,
    context: Mapping[str, str] | None = None,
) -> int:
    """Return how much a request with these wishes holds, in bytes."""
    pairs = (*(caps or {}).items(), *(context or {}).items())
    named = sum(size_of(name) + size_of(value) for name, value in pairs)
    return named + sum(map(size_of, texts))


def _check_size(world: World, owner: str, name: str, size: int, before: int = 0) -> None:
    """Check that a request, and all that its owner has waiting, may hold so much.

    ``before`` is what the request held so far, for one that waits already. Raises LimitError,
    QuotaError.
    """
    settings = world.settings
    if size > settings.max_request_length:
        raise LimitError(
            f"what the request asks for takes {size} bytes, more than the farm's limit "
            f"'max_request_length' of {settings.max_request_length}"
        )
    waiting = world.waiting_size(owner) - before
    if size > before and waiting + size > settings.max_waiting_length:
        raise QuotaError(
            f"what {name} has waiting holds {waiting} bytes already, and {size} more "
            f"exceed the farm's limit 'max_waiting_length' of {settings.max_waiting_length}; close "
            "a request, or file again when one has started"
        )


def _account_key(world: World, caller: Caller, new: NewRequest) -> str | None:
    """Return the key that the account wants on its boards: its first, since a board takes one."""
    if new.account_key is False or caller.groups is None:
        return None
    account = world.account(caller.id)
    keys = () if account is None else account.ssh_keys
    if new.account_key and not keys:
        raise SSHKeyError(
            f"the account {caller.name} has no SSH key; add one: boruta user key add FILE.pub"
        )
    if account is None or not (new.account_key or account.keys_on_board):
        return None
    # Its comment stays with the account, and one kept since an older version may be no good now.
    return board_key(keys[0])


def _check_keep_alive(keep_alive: int | None) -> None:
    if keep_alive is not None and keep_alive not in KEEP_ALIVE_RANGE:
        raise KeepAliveError
