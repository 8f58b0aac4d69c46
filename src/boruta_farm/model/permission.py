"""What each role may do: one table, from which the documentation's is made.

Whatever the table does not name is denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Role(StrEnum):
    """What an account is for."""

    VIEWER = "viewer"
    USER = "user"
    GROUP_ADMIN = "group-admin"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Scope(StrEnum):
    """How much of its account's rights a token carries; each scope includes those before it."""

    READ = "read"
    REQUEST = "request"
    ADMIN = "admin"

    def covers(self, needed: "Scope") -> bool:
        """Tell whether this scope is enough."""
        order = tuple(Scope)
        return order.index(self) >= order.index(needed)


class RoleReach(IntEnum):
    """How far a permission goes: nowhere, to what is one's own, to one's groups, everywhere."""

    NOTHING = 0
    OWN = 1
    GROUPS = 2
    ALL = 3


class Permission(StrEnum):
    """What a call needs."""

    PUBLIC = "public"
    SEE_FARM = "see-farm"
    SEE_REQUESTS = "see-requests"
    FILE_REQUESTS = "file-requests"
    CHANGE_REQUESTS = "change-requests"
    CLOSE_REQUESTS = "close-requests"
    SHARE_REQUESTS = "share-requests"
    NUDGE_HOLDERS = "nudge-holders"
    USE_BOARDS = "use-boards"
    NOTE_ACTS = "note-acts"
    MANAGE_WORKERS = "manage-workers"
    SEE_SELF = "see-self"
    MANAGE_SELF = "manage-self"
    SEE_PEOPLE = "see-people"
    MANAGE_PEOPLE = "manage-people"
    MANAGE_AGENTS = "manage-agents"
    READ_AUDIT = "read-audit"
    SET_CLOCK = "set-clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Tell which scope a permission needs, how far it reaches per role, and what it is."""

    scope: Scope
    reach: Mapping[Role, RoleReach]
    words: str


_EVERYONE = dict.fromkeys(Role, RoleReach.ALL)
_OWN = dict.fromkeys(Role, RoleReach.OWN)
_WORKING = {Role.USER: RoleReach.OWN, Role.GROUP_ADMIN: RoleReach.GROUPS, Role.ADMIN: RoleReach.ALL}

RULES: Mapping[Permission, Rule] = {
    Permission.SEE_FARM: Rule(
        scope=Scope.READ, reach=_EVERYONE, words="see workers, events and the API's description"
    ),
    Permission.SEE_REQUESTS: Rule(
        scope=Scope.READ,
        reach=_EVERYONE,
        words="see the queue: who waits for what, who holds what (never keys or access data)",
    ),
    Permission.FILE_REQUESTS: Rule(
        scope=Scope.REQUEST,
        reach={
            Role.USER: RoleReach.OWN,
            Role.GROUP_ADMIN: RoleReach.OWN,
            Role.ADMIN: RoleReach.OWN,
        },
        words="file requests in one's own name",
    ),
    Permission.CHANGE_REQUESTS: Rule(
        scope=Scope.REQUEST, reach=_WORKING, words="update, prolong and keep requests alive"
    ),
    Permission.CLOSE_REQUESTS: Rule(scope=Scope.REQUEST, reach=_WORKING, words="close requests"),
    Permission.SHARE_REQUESTS: Rule(
        scope=Scope.REQUEST,
        # Others' only with oneself, in groups that say so: core.sharing.
        reach={
            Role.USER: RoleReach.OWN,
            Role.GROUP_ADMIN: RoleReach.OWN,
            Role.ADMIN: RoleReach.OWN,
        },
        words="let colleagues' own SSH keys open a request's session, and see who is there",
    ),
    Permission.NUDGE_HOLDERS: Rule(
        scope=Scope.REQUEST,
        reach={
            Role.USER: RoleReach.ALL,
            Role.GROUP_ADMIN: RoleReach.ALL,
            Role.ADMIN: RoleReach.ALL,
        },
        words="ask whoever holds a board whether he still needs it",
    ),
    Permission.USE_BOARDS: Rule(
        scope=Scope.REQUEST,
        # A group-admin reaches further only in groups that say so: core.permissions.
        reach={
            Role.USER: RoleReach.OWN,
            Role.GROUP_ADMIN: RoleReach.OWN,
            Role.ADMIN: RoleReach.OWN,
        },
        words="receive a board's private key and access data",
    ),
    Permission.NOTE_ACTS: Rule(
        scope=Scope.REQUEST,
        reach={
            Role.USER: RoleReach.OWN,
            Role.GROUP_ADMIN: RoleReach.OWN,
            Role.ADMIN: RoleReach.OWN,
        },
        words="enter into the audit what is done on a board of one's own",
    ),
    Permission.MANAGE_WORKERS: Rule(
        scope=Scope.ADMIN,
        reach={Role.GROUP_ADMIN: RoleReach.GROUPS, Role.ADMIN: RoleReach.ALL},
        words="send workers to IDLE or MAINTENANCE, borrow them out of service, change their "
        "groups, labels and notes, deregister them",
    ),
    Permission.SEE_SELF: Rule(scope=Scope.READ, reach=_OWN, words="see one's own account"),
    Permission.MANAGE_SELF: Rule(
        scope=Scope.ADMIN, reach=_OWN, words="change one's own SSH keys and tokens"
    ),
    Permission.SEE_PEOPLE: Rule(
        scope=Scope.READ,
        reach=_OWN
        | {
            Role.GROUP_ADMIN: RoleReach.GROUPS,
            Role.ADMIN: RoleReach.ALL,
            Role.AUDITOR: RoleReach.ALL,
        },
        words="see accounts, groups and the list of tokens (never the tokens themselves)",
    ),
    Permission.MANAGE_PEOPLE: Rule(
        scope=Scope.ADMIN,
        reach={Role.ADMIN: RoleReach.ALL},
        words="change accounts, groups, tokens",
    ),
    Permission.MANAGE_AGENTS: Rule(
        scope=Scope.ADMIN,
        reach={Role.ADMIN: RoleReach.ALL},
        words="invite and revoke boards' agents",
    ),
    Permission.READ_AUDIT: Rule(
        scope=Scope.READ,
        reach={Role.ADMIN: RoleReach.ALL, Role.AUDITOR: RoleReach.ALL},
        words="read and verify the audit",
    ),
    Permission.SET_CLOCK: Rule(
        scope=Scope.ADMIN, reach={Role.ADMIN: RoleReach.ALL}, words="set the farm's time"
    ),
}
"""PUBLIC stands outside: it is for whoever reaches the server."""


def reach_of(role: Role, scope: Scope, permission: Permission) -> RoleReach:
    """Return how far a role goes with a token of this scope; NOTHING for what is not named."""
    rule = RULES.get(permission)
    if rule is None or not scope.covers(rule.scope):
        return RoleReach.NOTHING
    return rule.reach.get(role, RoleReach.NOTHING)
