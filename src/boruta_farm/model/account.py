"""People and services that use the farm, and the groups they are in."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

from boruta_farm.model.declared import Shown, Stored
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

    highest_priority: Annotated[
        int | None, Shown("HighestPriority", "the most important priority allowed")
    ] = None
    lowest_priority: Annotated[
        int | None, Shown("LowestPriority", "the least important priority allowed")
    ] = None
    jobs: Annotated[int | None, Shown("Jobs", "running jobs")] = None
    waiting: Annotated[int | None, Shown("Waiting", "waiting requests")] = None
    job_time: Annotated[
        timedelta | None, Shown("JobTime", "longest job, and Length of a request, unless prolonged")
    ] = None
    prolong_time: Annotated[
        timedelta | None, Shown("ProlongTime", "what all prolongations of a job may add")
    ] = None

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

    What it files, holds and has used is kept under its ``id``, which is made with it and never
    given to another: ``name`` is a label, and a later account of the same name inherits nothing.
    ``ssh_keys`` are public keys, one line each: they open the boards that its requests get, and
    those that others share with it. With ``keys_on_board`` the first takes the place of the key
    that the farm would make. ``networks`` are
    addresses from which calls without a token count as this account: for clients that cannot
    authenticate. A disabled account can do nothing, but keeps its name. ``identity`` is who its
    owner is to a sign-in provider: issuer and subject, a blank between them; empty where nobody
    signs in to it so.
    """

    id: Annotated[str, Shown("ID", "never another's, even under the same name"), Stored(key=True)]
    name: Annotated[str, Shown("Name", "unique in the farm")]
    role: Annotated[Role, Shown("Role", "what it is for")]
    full_name: Annotated[str, Shown("FullName", "for people to read")] = ""
    groups: Annotated[tuple[str, ...], Shown("Groups", "that it is in")] = ()
    ssh_keys: Annotated[tuple[str, ...], Shown("SSHKeys", "public keys, one line each")] = ()
    keys_on_board: Annotated[
        bool, Shown("KeysOnBoard", "put its keys on every board that its requests get")
    ] = False
    networks: Annotated[
        tuple[str, ...], Shown("Networks", "calls without a token from there are its own")
    ] = ()
    limits: Annotated[Limits, Shown("Limits", "what it may take")] = Limits()
    notify: Annotated[str, Shown("Notify", "its webhook; told to itself and to admins alone")] = (
        field(default="", repr=False)
    )
    disabled: Annotated[bool, Shown("Disabled", "can do nothing")] = False
    identity: Annotated[
        str, Shown("Identity", "who its owner is to a sign-in provider: issuer, blank, subject")
    ] = ""
    created: Annotated[datetime, Shown("Created", "when it was made")]
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Record one group; ``limits`` are the defaults of its members.

    With ``keys_for_admins`` the group-admins of the group may receive the access data of its
    members' jobs, for example to help them. With ``members_join`` its members need not be asked:
    each may share the requests of the others with himself.
    """

    name: Annotated[str, Shown("Name", "unique in the farm"), Stored(key=True)]
    limits: Annotated[Limits, Shown("Limits", "its members' defaults")] = Limits()
    keys_for_admins: Annotated[
        bool, Shown("KeysForAdmins", "its group-admins may receive keys of its members' boards")
    ] = False
    members_join: Annotated[
        bool, Shown("MembersJoin", "its members may share each other's requests with themselves")
    ] = False
    created: Annotated[datetime, Shown("Created", "when it was made")]
    revision: int = 1


class RunningJobs(StrEnum):
    """What becomes of an account's running jobs when it may not have them any more."""

    END = "end"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Carry how an account is removed."""

    running_jobs: Annotated[
        RunningJobs | None, Shown("RunningJobs", "end (if not given) or keep them")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """Carry what to change about an account, or how to make one; None keeps what is there.

    ``running_jobs`` tells what becomes of those that the account may not have after the change.
    """

    role: Annotated[Role | None, Shown("Role", "what it is for")] = None
    full_name: Annotated[str | None, Shown("FullName", "for people to read")] = None
    groups: Annotated[tuple[str, ...] | None, Shown("Groups", "from now on")] = None
    ssh_keys: Annotated[tuple[str, ...] | None, Shown("SSHKeys", "one line each")] = None
    keys_on_board: Annotated[
        bool | None, Shown("KeysOnBoard", "put its keys on every board that its requests get")
    ] = None
    networks: Annotated[
        tuple[str, ...] | None, Shown("Networks", "calls without a token from there are its own")
    ] = None
    limits: Annotated[Limits | None, Shown("Limits", "all of them, as they shall be")] = None
    notify: Annotated[
        str | None, Shown("Notify", "its webhook, such as https://HOST/PATH; empty: none")
    ] = None
    disabled: Annotated[bool | None, Shown("Disabled", "can do nothing")] = None
    identity: Annotated[
        str | None, Shown("Identity", "who signs in to it: issuer, blank, subject; empty: nobody")
    ] = None
    running_jobs: Annotated[
        RunningJobs | None,
        Shown("RunningJobs", "those that it may not have any more: end (if not given) or keep"),
    ] = None

    @property
    def given(self) -> frozenset[str]:
        """Return the names of the account's fields that are to change."""
        given = frozenset(f.name for f in fields(self) if getattr(self, f.name) is not None)
        return given - {"running_jobs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """Carry what to change about a group, or how to make one; None keeps what is there."""

    limits: Annotated[Limits | None, Shown("Limits", "its members' defaults")] = None
    keys_for_admins: Annotated[
        bool | None,
        Shown("KeysForAdmins", "its group-admins may receive keys of its members' boards"),
    ] = None
    members_join: Annotated[
        bool | None,
        Shown("MembersJoin", "its members may share each other's requests with themselves"),
    ] = None


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
