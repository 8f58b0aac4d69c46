"""Who makes a call."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do; until users are configured everybody is the local admin."""

    ADMIN = "admin"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Name the one on whose behalf a command runs.

    ``groups`` is None where the farm knows no users: then every worker serves the caller.
    """

    name: str
    groups: frozenset[str] | None
    role: Role

    def may_use(self, worker_groups: tuple[str, ...]) -> bool:
        """Tell whether a worker with these groups serves this caller."""
        return serves(worker_groups, self.groups)


def serves(worker_groups: tuple[str, ...], owner_groups: frozenset[str] | None) -> bool:
    """Tell whether a worker in ``worker_groups`` serves an owner in ``owner_groups``.

    A worker without groups serves everybody; an owner of None (no users configured) is served
    by every worker; otherwise one group must be shared.
    """
    if owner_groups is None or not worker_groups:
        return True
    return not owner_groups.isdisjoint(worker_groups)


LOCAL_ADMIN = Caller(name="admin", groups=None, role=Role.ADMIN)
"""The built-in caller of a farm without users."""
