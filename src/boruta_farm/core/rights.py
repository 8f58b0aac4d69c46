"""What an owner may have at present, whatever he might when he filed."""

from boruta_farm.core.world import World
from boruta_farm.model.account import Account, Limits, effective_limits
from boruta_farm.model.caller import serves
from boruta_farm.model.permission import Permission, RoleReach, Scope, reach_of
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker


def limits_of(world: World, owner: str) -> Limits:
    """Return the limits in force for an owner (an id); nothing for one without an account."""
    account = world.account(owner)
    if account is None:
        return Limits()
    groups = [group for name in account.groups if (group := world.group(name)) is not None]
    return effective_limits(account.limits, [group.limits for group in groups])


def lapse(account: Account | None, request: Request) -> str | None:
    """Return why a request's owner, who is ``account`` now, cannot be lent boards any more.

    None where he can. Who filed when the farm knew no users was allowed everything.
    """
    if request.owner_groups is None:
        return None
    if account is None:
        return f"the account {request.owner_name} was removed"
    return barred(account)


def barred(account: Account) -> str | None:
    """Return why an account may be on no board at all, None where it may."""
    if account.disabled:
        return f"the account {account.name} was disabled"
    if not reach_of(account.role, Scope.ADMIN, Permission.FILE_REQUESTS):
        return f"{account.name} is {account.role} now, and may not be lent boards"
    return None


def served(worker: Worker, request: Request, account: Account | None) -> bool:
    """Tell whether a worker serves a request whose owner is ``account`` now.

    Who borrows it must be one who looks after it; groups that it serves do not matter to him.
    """
    if request.borrows:
        return worker.borrower == request.id and _looks_after(worker, request, account)
    if request.owner_groups is None or account is None:
        return serves(worker.groups, request.owner_groups)
    return serves(worker.groups, frozenset(account.groups))


def _looks_after(worker: Worker, request: Request, account: Account | None) -> bool:
    if request.owner_groups is None or account is None:
        return request.owner_groups is None
    reach = reach_of(account.role, Scope.ADMIN, Permission.MANAGE_WORKERS)
    if reach is RoleReach.GROUPS:
        return bool(worker.groups) and set(account.groups).issuperset(worker.groups)
    return reach is RoleReach.ALL
