"""People and services that use the farm, and the groups they are in."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

from boruta_farm.model.declared import Stored
from boruta_farm.model.permission import Role

Value = TypeVar("Value", int, timedelta)

FIRST_ACCOUNT = "admin"
"""The account that the first start makes, where users are wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Carry what an account may take; None leaves a value to its groups, then to the farm.

    ``highest_priority`` is the most important priority allowed (the lowest number),
    ``lowest_priority`` the least important. ``jobs`` counts running jobs, ``waiting`` waiting
    requests. ``job_time`` is the longest a job lasts unless prolonged, ``prolong_time`` how much
    all prolongations of one job may add.
    """

    highest_priority: int | None = None
    lowest_priority: int | None = None
    jobs: int | None = None
    waiting: int | None = None
    job_time: timedelta | None = None
    prolong_time: timedelta | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is limited."""
        return any(getattr(self, item.name) is not None for item in fields(self))

    def words(self) -> str:
        """Return the limits that are set, in one line."""
        return ", ".join(
            f"{item.name}={getattr(self, item.name)}"
            for item in fields(self)
            if getattr(self, item.name) is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Record one account.

    ``ssh_keys`` are public keys, one line each; with ``keys_on_board`` they are installed on
    every board that its requests get, in place of a key made by the farm. ``networks`` are
    addresses from which calls without a token count as this account: for clients that cannot
    authenticate. A disabled account can do nothing, but keeps its name.
    """

    name: Annotated[str, Stored(key=True)]
    role: Role
    created: datetime
    full_name: str = ""
    groups: tuple[str, ...] = ()
    ssh_keys: tuple[str, ...] = ()
    keys_on_board: bool = False
    networks: tuple[str, ...] = ()
    limits: Limits = Limits()
    disabled: bool = False
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Record one group; ``limits`` are the defaults of its members.

    With ``keys_for_admins`` the group-admins of the group may receive the access data of its
    members' jobs, for example to help them.
    """

    name: Annotated[str, Stored(key=True)]
    created: datetime
    limits: Limits = Limits()
    keys_for_admins: bool = False
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """Carry what to change about an account, or how to make one; None keeps what is there."""

    role: Role | None = None
    full_name: str | None = None
    groups: tuple[str, ...] | None = None
    ssh_keys: tuple[str, ...] | None = None
    keys_on_board: bool | None = None
    networks: tuple[str, ...] | None = None
    limits: Limits | None = None
    disabled: bool | None = None

    @property
    def given(self) -> frozenset[str]:
        """Return the names of the fields that are to change."""
        return frozenset(f.name for f in fields(self) if getattr(self, f.name) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """Carry what to change about a group, or how to make one; None keeps what is there."""

    limits: Limits | None = None
    keys_for_admins: bool | None = None


def effective_limits(own: Limits, groups: Collection[Limits]) -> Limits:
    """Return the limits in force: the account's own, else the most generous of its groups'."""
    return Limits(
        highest_priority=_first(own.highest_priority, [g.highest_priority for g in groups], min),
        lowest_priority=_first(own.lowest_priority, [g.lowest_priority for g in groups], max),
        jobs=_first(own.jobs, [g.jobs for g in groups], max),
        waiting=_first(own.waiting, [g.waiting for g in groups], max),
        job_time=_first(own.job_time, [g.job_time for g in groups], max),
        prolong_time=_first(own.prolong_time, [g.prolong_time for g in groups], max),
    )


def _first(
    own: Value | None,
    groups: Iterable[Value | None],
    most_generous: Callable[[Iterable[Value]], Value],
) -> Value | None:
    if own is not None:
        return own
    known = [value for value in groups if value is not None]
    return most_generous(known) if known else None
