"""Who makes a call."""

import re
from dataclasses import dataclass

from boruta_farm.model.errors import ForbiddenError
from boruta_farm.model.permission import RULES, Permission, RoleReach, Scope, reach_of
from boruta_farm.model.permission import Role as Role

AGENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/+-]{0,63}", re.ASCII)
"""What a program that acts for somebody may call itself; anything else is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Name the one on whose behalf a command runs.

    ``id`` is that of the account: what he owns is kept under it. ``name`` is only
    shown. ``groups`` is None where the farm knows no users: then every worker serves the caller,
    who may do everything. ``scope`` is that of the token the call came with, ``token`` its id (None
    without one), ``source`` the address it came from (empty inside the server). ``agent`` is what
    a program calls itself that acts for him: the audit tells it, and no right hangs on it.
    ``by_door`` tells that our own front door speaks for him, which has seen who he is.
    """

    id: str
    name: str
    groups: frozenset[str] | None
    role: Role
    scope: Scope = Scope.ADMIN
    token: str | None = None
    source: str = ""
    agent: str = ""
    by_door: bool = False

    def may_use(self, worker_groups: tuple[str, ...]) -> bool:
        """Tell whether a worker with these groups serves this caller."""
        return serves(worker_groups, self.groups)

    def reach(self, permission: Permission) -> RoleReach:
        """Return how far the caller may go with this permission."""
        if self.groups is None:
            return RoleReach.ALL
        return reach_of(self.role, self.scope, permission)

    def require(self, permission: Permission) -> RoleReach:
        """Return how far the caller may go. Raises ForbiddenError for nowhere at all."""
        reach = self.reach(permission)
        if reach is not RoleReach.NOTHING:
            return reach
        rule = RULES.get(permission)
        if rule is None:
            raise ForbiddenError(f"{permission} is granted to nobody")
        if reach_of(self.role, Scope.ADMIN, permission) is not RoleReach.NOTHING:
            raise ForbiddenError(
                f"this token's scope is {self.scope}; to {rule.words} takes one with the scope "
                f"{rule.scope}"
            )
        roles = ", ".join(role.value for role in Role if rule.reach.get(role, RoleReach.NOTHING))
        which = f"one of the roles {roles}" if "," in roles else f"the role {roles}"
        raise ForbiddenError(f"{self.name} is {self.role}; to {rule.words} takes {which}")


def serves(worker_groups: tuple[str, ...], owner_groups: frozenset[str] | None) -> bool:
    """Tell whether a worker in ``worker_groups`` serves an owner in ``owner_groups``.

    A worker without groups serves everybody; an owner of None (no users configured) is served
    by every worker; otherwise one group must be shared.
    """
    if owner_groups is None or not worker_groups:
        return True
    return not owner_groups.isdisjoint(worker_groups)


FRONT_DOOR = Caller(
    id="front door", name="front door", groups=frozenset(), role=Role.VIEWER, scope=Scope.READ
)
"""The SSH front door where it speaks for nobody; no account ever has his id."""

LOCAL_ADMIN = Caller(id="admin", name="admin", groups=None, role=Role.ADMIN)
"""The built-in caller of a farm without users; no account ever has his id."""
