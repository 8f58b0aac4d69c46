"""What a farm's declaration says: users, groups, limits, workers' groups and names."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from boruta_farm.cli.durations import format_duration, parse_duration
from boruta_farm.model.account import Account, AccountChange, Group, GroupChange, Limits
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.permission import Role
from boruta_farm.model.worker import Worker

Table = Mapping[str, object]
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerChange:
    """Carry what is declared of a worker; None leaves it to the farm."""

    name: str | None = None
    groups: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Carry everything declared; users and groups by name, workers by UUID or name.

    A user or group is declared whole: what its table leaves out has its default.
    """

    groups: Mapping[str, GroupChange] = field(default_factory=dict)
    users: Mapping[str, AccountChange] = field(default_factory=dict)
    workers: Mapping[str, WorkerChange] = field(default_factory=dict)


def read(path: Path) -> Declaration:
    """Return what a file declares. Raises ConfigError with file, place and remedy."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no valid TOML: {error}") from None
    try:
        return parse(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from None


def parse(content: Table) -> Declaration:
    """Return what parsed TOML declares. Raises ConfigError with place and remedy."""
    _known(content, ("group", "user", "worker"), "")
    return Declaration(
        groups=_each(content, "group", _group),
        users=_each(content, "user", _user),
        workers=_each(content, "worker", _worker),
    )


def describe_group(group: Group | GroupChange) -> dict[str, Any]:
    """Return a group as its table in the file; defaults are left out."""
    return _told({"keys_for_admins": group.keys_for_admins, "limits": _limits_told(group.limits)})


def describe_user(account: Account | AccountChange) -> dict[str, Any]:
    """Return an account as its table in the file; defaults are left out, but for the role."""
    return {
        "role": str(account.role),
        **_told(
            {
                "full_name": account.full_name,
                "groups": sorted(account.groups or ()),
                "ssh_keys": list(account.ssh_keys or ()),
                "keys_on_board": account.keys_on_board,
                "networks": list(account.networks or ()),
                "disabled": account.disabled,
                "limits": _limits_told(account.limits),
            }
        ),
    }


def describe_worker(worker: Worker) -> dict[str, Any]:
    """Return a worker as its table in the file."""
    return {"name": worker.name, "groups": sorted(worker.groups)}


def _group(table: Table, place: str) -> GroupChange:
    _known(table, ("keys_for_admins", "limits"), place)
    return GroupChange(
        limits=_limits(table, place), keys_for_admins=_switch(table, "keys_for_admins", place)
    )


def _user(table: Table, place: str) -> AccountChange:
    _known(table, tuple(item.name for item in fields(AccountChange)), place)
    role = _text(table, "role", place, Role.USER.value)
    if role not in tuple(Role):
        raise ConfigError(f"{place}role: {role!r} is none of {', '.join(Role)}")
    return AccountChange(
        role=Role(role),
        full_name=_text(table, "full_name", place, ""),
        groups=tuple(sorted(_texts(table, "groups", place))),
        ssh_keys=_texts(table, "ssh_keys", place),
        keys_on_board=_switch(table, "keys_on_board", place),
        networks=_texts(table, "networks", place),
        limits=_limits(table, place),
        disabled=_switch(table, "disabled", place),
    )


def _worker(table: Table, place: str) -> WorkerChange:
    _known(table, ("name", "groups"), place)
    return WorkerChange(
        name=_text(table, "name", place, "") if "name" in table else None,
        groups=tuple(sorted(_texts(table, "groups", place))) if "groups" in table else None,
    )


def _limits(table: Table, place: str) -> Limits:
    found = _table(table, "limits", place)
    place = f"{place}limits."
    _known(found, tuple(item.name for item in fields(Limits)), place)
    values: dict[str, int | timedelta] = {}
    for name, value in found.items():
        if name.endswith("_time"):
            try:
                values[name] = parse_duration(str(value))
            except ValueError as error:
                raise ConfigError(f"{place}{name}: {error}") from None
        elif isinstance(value, int) and not isinstance(value, bool):
            values[name] = value
        else:
            raise ConfigError(f"{place}{name}: {value!r} must be a whole number")
    return Limits(**values)  # type: ignore[arg-type]  # times and numbers are told apart by name


def _limits_told(limits: Limits | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for item in fields(Limits):
        value = getattr(limits or Limits(), item.name)
        if value is not None:
            told[item.name] = format_duration(value) if isinstance(value, timedelta) else value
    return told


def _told(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value}


def _each(content: Table, kind: str, read_one: Callable[[Table, str], Record]) -> dict[str, Record]:
    tables = _table(content, kind, "")
    return {name: read_one(_table(tables, name, f"{kind}."), f"{kind}.{name}.") for name in tables}


def _known(table: Table, names: tuple[str, ...], place: str) -> None:
    for name in table:
        if name not in names:
            raise ConfigError(f"there is no {place}{name}; known are {', '.join(names)}")


def _table(table: Table, name: str, place: str) -> Table:
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise ConfigError(f"{place}{name}: must be a table, such as [{place}{name}]")
    return value


def _text(table: Table, name: str, place: str, default: str) -> str:
    value = table.get(name, default)
    if not isinstance(value, str):
        raise ConfigError(f"{place}{name}: {value!r} must be a text in quotes")
    return value


def _switch(table: Table, name: str, place: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{place}{name}: {value!r} must be true or false")
    return value


def _texts(table: Table, name: str, place: str) -> tuple[str, ...]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{place}{name}: must be a list of texts in quotes")
    return tuple(value)
