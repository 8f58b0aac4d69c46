"""Who may do what to which record."""

from collections.abc import Callable

from boruta_farm.core.world import World
from boruta_farm.model.account import Account, Group
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import ForbiddenError, RequestNotFoundError
from boruta_farm.model.permission import RULES, Permission, RoleReach
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker


def permitted_request(
    world: World, caller: Caller, request_id: int, permission: Permission
) -> Request:
    """Return the request if the caller may do this to it.

    Raises ForbiddenError, and RequestNotFoundError when there is none.
    """
    caller.require(permission)
    request = world.request(request_id)
    if request is None:
        raise RequestNotFoundError
    check_request(caller, request, permission)
    return request


def check_request(caller: Caller, request: Request, permission: Permission) -> None:
    """Raise ForbiddenError unless the caller may do this to the request."""
    reach = caller.require(permission)
    if reach is RoleReach.ALL or caller.id == request.owner:
        return
    if reach is RoleReach.GROUPS and _share(caller, request.owner_groups or frozenset()):
        return
    raise ForbiddenError(
        f"request {request.id} belongs to {request.owner_name}; {caller.name} may not "
        f"{RULES[permission].words} of others"
    )


def check_access(
    caller: Caller, request: Request, group_named: Callable[[str], Group | None]
) -> None:
    """Raise ForbiddenError unless the caller may have the keys to the request's board.

    That is its owner, and a group-admin of one of the owner's groups if that group allows it.
    """
    caller.require(Permission.USE_BOARDS)
    if caller.groups is None or caller.id == request.owner:
        return
    if caller.reach(Permission.CLOSE_REQUESTS) is RoleReach.GROUPS:
        for name in caller.groups & (request.owner_groups or frozenset()):
            group = group_named(name)
            if group is not None and group.keys_for_admins:
                return
    raise ForbiddenError(
        f"request {request.id} belongs to {request.owner_name}; only the owner receives its keys "
        "and access data"
    )


def check_console(
    caller: Caller, request: Request, group_named: Callable[[str], Group | None]
) -> None:
    """Raise ForbiddenError unless the caller may read what the request's consoles said.

    That is an admin, whoever may have the keys to its board, and those it is shared with.
    """
    if caller.reach(Permission.CLOSE_REQUESTS) is RoleReach.ALL or caller.id in request.shared:
        return
    try:
        check_access(caller, request, group_named)
    except ForbiddenError:
        raise ForbiddenError(
            f"request {request.id} belongs to {request.owner_name}; only the owner, admins and "
            "those it is shared with read what its consoles said"
        ) from None


def check_worker(caller: Caller, worker: Worker, groups: tuple[str, ...] | None = None) -> None:
    """Raise ForbiddenError unless the caller may manage the worker (and move it to ``groups``).

    A group-admin manages what serves his groups alone: a worker that also serves others, or
    everybody, is not his to take away.
    """
    reach = caller.require(Permission.MANAGE_WORKERS)
    if reach is RoleReach.ALL:
        return
    mine = caller.groups or frozenset()
    for found in (worker.groups, groups):
        if found is not None and not (found and mine.issuperset(found)):
            whom = ", ".join(found) or "everybody"
            raise ForbiddenError(
                f"{worker.name} serves {whom}; {caller.name} manages only what serves no other "
                f"groups than {', '.join(sorted(mine)) or '(none)'}"
            )


def may_see_account(caller: Caller, account: Account) -> bool:
    """Tell whether the caller may see an account."""
    reach = caller.reach(Permission.SEE_PEOPLE)
    if reach is RoleReach.GROUPS and _share(caller, frozenset(account.groups)):
        return True
    return reach is RoleReach.ALL or (reach is not RoleReach.NOTHING and caller.id == account.id)


def _share(caller: Caller, groups: frozenset[str]) -> bool:
    return not (caller.groups or frozenset()).isdisjoint(groups)
