"""What a farm is wished to be: changes of accounts, groups and workers that can be tried."""

from dataclasses import dataclass
from typing import Annotated

from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.declared import Shown
from boruta_farm.model.worker import WorkerChange

MOST_WISHES = 500
"""Wishes that are tried in one call: all of them hold up the writer together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Carry one wish, about what it names: an account, a group, or a worker by its UUID.

    An account or group without a change is to be removed. Of a worker, what is None stays.
    """

    group: Annotated[str | None, Shown("Group", "the group that it is about")] = None
    group_change: Annotated[
        GroupChange | None, Shown("GroupChange", "what it shall become; none removes it")
    ] = None
    account: Annotated[str | None, Shown("User", "or the account")] = None
    account_change: Annotated[
        AccountChange | None, Shown("UserChange", "what it shall become; none removes it")
    ] = None
    worker: Annotated[str | None, Shown("Worker", "or the worker, by its UUID")] = None
    worker_name: Annotated[str | None, Shown("WorkerName", "its name from now on")] = None
    worker_groups: Annotated[
        tuple[str, ...] | None, Shown("WorkerGroups", "its groups from now on")
    ] = None
    worker_change: Annotated[
        WorkerChange | None, Shown("WorkerChange", "what is told of it from now on")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Tell that a wish would be refused; ``place`` counts wishes from 0."""

    place: Annotated[int, Shown("Place", "of the wish, from 0")]
    message: Annotated[str, Shown("Message", "why, for people")]
    code: Annotated[str, Shown("Code", "names the kind of error")]
