"""What stands between a farm and its declaration, as lines for people and steps for the farm."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from boruta_farm.cli.declaration import (
    Declaration,
    DeclaredChange,
    describe_group,
    describe_user,
    describe_worker,
)
from boruta_farm.model.account import Account, AccountChange, Group, GroupChange
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.worker import Worker
from boruta_farm.selectors.workers import named

ABSENT = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Carry what the farm has now."""

    groups: tuple[Group, ...] = ()
    users: tuple[Account, ...] = ()
    workers: tuple[Worker, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Carry one step: ``change`` is what the record shall become, None removes it."""

    name: str
    change: GroupChange | AccountChange | DeclaredChange | None
    words: tuple[str, ...]
    kind: str
    new: bool = False


def differences(declared: Declaration, state: State, *, prune: bool) -> tuple[Difference, ...]:
    """Return the steps that make the farm what is declared, in an order that works.

    Groups come before the users that are in them, removals last; with ``prune`` users and groups
    that are not declared are removed. Raises ConfigError for a worker the farm does not know.
    """
    groups = {group.name: group for group in state.groups}
    users = {account.name: account for account in state.users}
    return (
        *_group_steps(declared, groups),
        *_user_steps(declared, users),
        *_worker_steps(declared, state.workers),
        *(_removals(declared, users, groups) if prune else ()),
    )


def undeclared(declared: Declaration, state: State) -> tuple[str, ...]:
    """Return the users and groups that the farm has beyond what is declared."""
    users = [f"user {a.name}" for a in state.users if a.name not in declared.users]
    groups = [f"group {g.name}" for g in state.groups if g.name not in declared.groups]
    return (*users, *groups)


def _group_steps(declared: Declaration, groups: Mapping[str, Group]) -> Iterator[Difference]:
    for name, change in declared.groups.items():
        known = groups.get(name)
        words = _words(describe_group(known) if known else None, describe_group(change))
        if words is not None:
            new = known is None
            yield Difference(kind="group", name=name, change=change, words=words, new=new)


def _user_steps(declared: Declaration, users: Mapping[str, Account]) -> Iterator[Difference]:
    # Admins first: a farm without users takes nobody but an admin as its first.
    ordered = sorted(declared.users.items(), key=lambda item: str(item[1].role) != "admin")
    for name, change in ordered:
        known = users.get(name)
        words = _words(describe_user(known) if known else None, describe_user(change))
        if words is not None:
            new = known is None
            yield Difference(kind="user", name=name, change=change, words=words, new=new)


def _worker_steps(declared: Declaration, workers: tuple[Worker, ...]) -> Iterator[Difference]:
    for name, change in declared.workers.items():
        worker = named(workers, name)
        if worker is None:
            raise ConfigError(
                f"worker.{name}: the farm knows no such worker; let its agent register first, "
                "or remove the table"
            )
        now = describe_worker(worker)
        wanted = dict(now)
        if change.name is not None:
            wanted["name"] = change.name
        if change.groups is not None:
            wanted["groups"] = list(change.groups)
        told = {"labels": change.labels, "notes": change.notes, "photo": change.photo}
        wanted |= {key: value for key, value in told.items() if value is not None}
        wanted = {key: value for key, value in wanted.items() if value or key in ("name", "groups")}
        words = _words(now, wanted)
        if words is not None:
            yield Difference(kind="worker", name=worker.uuid, change=change, words=words)


def _removals(
    declared: Declaration, users: Mapping[str, Account], groups: Mapping[str, Group]
) -> Iterator[Difference]:
    for name in users:
        if name not in declared.users:
            yield Difference(kind="user", name=name, change=None, words=())
    for name in groups:
        if name not in declared.groups:
            yield Difference(kind="group", name=name, change=None, words=())


def _words(now: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return what differs, line by line; None when nothing does."""
    before, after = dict(_flat(now or {})), dict(_flat(wanted))
    lines = tuple(
        f"{name}: {before.get(name, ABSENT)} -> {after.get(name, ABSENT)}"
        if now is not None
        else f"{name}: {after[name]}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )
    return None if now is not None and not lines else lines


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield prefix + name, ", ".join(value) or ABSENT
        else:
            yield prefix + name, str(value).lower() if isinstance(value, bool) else str(value)
