"""What a farm's declaration says: users, groups, limits, and what is told of workers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from boruta_farm.model.account import Account, AccountChange, Group, GroupChange, Limits
from boruta_farm.model.permission import Role
from boruta_farm.model.worker import Worker
from boruta_farm.settings import declaration
from boruta_farm.settings.declaration import Setting, Struct, setting
from boruta_farm.settings.files import read_toml
from boruta_farm.settings.kinds import (
    LARGEST,
    Duration,
    Maybe,
    Named,
    OneOf,
    SettingKind,
    Several,
    Switch,
    Text,
    Whole,
)
from boruta_farm.settings.table import Table


class Names(Several[str]):
    """Names in any order."""

    def __init__(self) -> None:
        super().__init__(Text())

    def read(self, raw: object) -> tuple[str, ...]:
        """Return the names, sorted."""
        return tuple(sorted(super().read(raw)))


def _limit(name: str) -> Setting:
    kind: SettingKind[Any] = Duration() if name.endswith("_time") else Whole(-LARGEST)
    return Setting(kind=Maybe(kind), default=None)


LIMITS = Struct(Limits, {item.name: _limit(item.name) for item in fields(Limits)})
GROUP = Struct(
    GroupChange,
    {
        "keys_for_admins": Setting(kind=Switch(), default=False),
        "members_join": Setting(kind=Switch(), default=False),
        "limits": Setting(kind=LIMITS, default=Limits()),
    },
)
USER = Struct(
    AccountChange,
    {
        "role": Setting(kind=OneOf(Role), default=Role.USER),
        "full_name": Setting(kind=Text(), default=""),
        "groups": Setting(kind=Names(), default=()),
        "ssh_keys": Setting(kind=Several(Text()), default=()),
        "keys_on_board": Setting(kind=Switch(), default=False),
        "networks": Setting(kind=Several(Text()), default=()),
        "disabled": Setting(kind=Switch(), default=False),
        "limits": Setting(kind=LIMITS, default=Limits()),
    },
)
"""The model knows nothing of files, so its records' settings are declared here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredChange:
    """Carry what is declared of a worker; None leaves it to the farm."""

    name: str | None = setting(Maybe(Text()), default=None)
    groups: tuple[str, ...] | None = setting(Maybe(Names()), default=None)
    labels: Mapping[str, str] | None = setting(Maybe(Named(Text())), default=None)
    # Not Maybe: an empty text removes what is told.
    notes: str | None = setting(Text(), default=None)
    photo: str | None = setting(Text(), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Carry everything declared; users and groups by name, workers by UUID or name.

    A user or group is declared whole: what its table leaves out has its default.
    """

    groups: Mapping[str, GroupChange] = setting(Named(GROUP), make=dict, key="group")
    users: Mapping[str, AccountChange] = setting(Named(USER), make=dict, key="user")
    workers: Mapping[str, DeclaredChange] = setting(
        Named(Struct(DeclaredChange)), make=dict, key="worker"
    )


def read(path: Path) -> Declaration:
    """Return what a file declares. Raises ConfigError with file, place and remedy."""
    return declaration.read(Declaration, read_toml(path))


def parse(content: Mapping[str, object]) -> Declaration:
    """Return what parsed TOML declares. Raises ConfigError with place and remedy."""
    return declaration.read(Declaration, Table(content=content))


def describe_group(group: Group | GroupChange) -> dict[str, Any]:
    """Return a group as its table in the file; defaults are left out."""
    return GROUP.show(group)


def describe_user(account: Account | AccountChange) -> dict[str, Any]:
    """Return an account as its table in the file; defaults are left out, but for the role."""
    return {"role": str(account.role), **USER.show(account)}


def describe_worker(worker: Worker) -> dict[str, Any]:
    """Return a worker as its table in the file."""
    told = {"labels": dict(worker.labels or {}), "notes": worker.notes, "photo": worker.photo}
    given = {name: value for name, value in told.items() if value}
    return {"name": worker.name, "groups": sorted(worker.groups), **given}
