"""What a farm's declaration says, and what it refuses to say."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from boruta_farm.cli.declaration import (
    GROUP,
    LIMITS,
    USER,
    Declaration,
    DeclaredChange,
    describe_group,
    describe_user,
    parse,
    read,
)
from boruta_farm.model.account import Account, AccountChange, Group, GroupChange, Limits
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.permission import Role
from boruta_farm.settings.declaration import Struct
from tests.settings.strange import STRANGE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "ssh-ed25519 AAAA ann@laptop"
FARM = """
[group.lab]
keys_for_admins = true
limits = { jobs = 4, job_time = "8h" }

[group.guests]

[user.ann]
role = "admin"
groups = ["lab", "guests"]
ssh_keys = ["ssh-ed25519 AAAA ann@laptop"]

[user.ci]
networks = ["10.0.0.0/8"]
limits.highest_priority = 5

[worker.rpi4]
groups = ["lab"]

[worker."11111111-2222-4333-8444-555555555555"]
name = "rpi3"
"""


def test_a_whole_farm_is_read(tmp_path: Path) -> None:
    path = tmp_path / "farm.toml"
    path.write_text(FARM)
    found = read(path)
    assert found.groups == {
        "lab": GroupChange(
            limits=Limits(jobs=4, job_time=timedelta(hours=8)),
            keys_for_admins=True,
            members_join=False,
        ),
        "guests": GroupChange(limits=Limits(), keys_for_admins=False, members_join=False),
    }
    assert found.users["ann"] == AccountChange(
        role=Role.ADMIN,
        full_name="",
        groups=("guests", "lab"),
        ssh_keys=(KEY,),
        keys_on_board=False,
        networks=(),
        limits=Limits(),
        disabled=False,
    )
    assert found.users["ci"].role is Role.USER
    assert found.users["ci"].limits == Limits(highest_priority=5)
    assert found.workers == {
        "rpi4": DeclaredChange(groups=("lab",)),
        "11111111-2222-4333-8444-555555555555": DeclaredChange(name="rpi3"),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[users.ann]", "users: there is no such setting; did you mean user"),
        ("[user.ann]\nrole = 'boss'", "user.ann.role: 'boss' is none of viewer"),
        (
            "[user.ann]\ngroup = ['lab']",
            "user.ann.group: there is .*; did you mean groups",
        ),
        ("[user.ann]\ngroups = 'lab'", "user.ann.groups: 'lab' must be a list"),
        ("[user]\nann = 3", "user.ann: 3 must be a table"),
        ("[user.ann.limits]\njobs = 'many'", "user.ann.limits.jobs: 'many' must be a whole"),
        ("[user.ann.limits]\njob_time = 30", "user.ann.limits.job_time: 30 is no duration"),
        ("[user.ann.limits]\nboards = 3", "user.ann.limits.boards: there is no such setting"),
        ("[group.lab]\nkeys_for_admins = 'si'", "group.lab.keys_for_admins: 'si' must be true"),
        (
            "[user.ann.limits]\njob_time = '99999999999d'",
            "job_time: .* a hundred years",
        ),
        ("[user.ann.limits]\njobs = 99999999999", "jobs: 99999999999 must lie between"),
        ("[user.ann.limits]\njobs = nan", "jobs: nan must be a whole number"),
        ("[worker.rpi4]\nstate = 'IDLE'", "worker.rpi4.state: there is no such setting"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(tomllib.loads(text))


@pytest.mark.parametrize("place", ["group.lab.", "user.ann.", "user.ann.limits.", "worker.rpi4."])
def test_whatever_stands_there_is_read_or_told_in_one_line(place: str) -> None:
    kinds: dict[str, Struct[Any]] = {
        "group.lab.": GROUP,
        "user.ann.": USER,
        "user.ann.limits.": LIMITS,
        "worker.rpi4.": Struct(DeclaredChange),
    }
    for key in kinds[place].settings:
        for raw in STRANGE:
            words = complaint(f"{place}{key}", raw)
            assert words.isprintable()
            assert not words or words.startswith(place)


def complaint(path: str, raw: object) -> str:
    """Return what is said against a value at a path."""
    for key in reversed(path.split(".")):
        raw = {key: raw}
    assert isinstance(raw, dict)
    try:
        parse(raw)
    except ConfigError as wrong:
        return wrong.message
    return ""


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("[", "no valid TOML")])
def test_an_unreadable_file_is_named(content: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "farm.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=rf"farm\.toml: .*{words}"):
        read(path)


def test_what_is_written_is_read_back_the_same() -> None:
    limits = Limits(jobs=2, waiting=10, job_time=timedelta(minutes=90), prolong_time=timedelta(1))
    group = Group(name="lab", created=NOW, limits=limits, keys_for_admins=True)
    account = Account(
        id="ann",
        name="ann",
        role=Role.GROUP_ADMIN,
        created=NOW,
        full_name='Ann "the board" Ł',
        groups=("lab",),
        ssh_keys=(KEY,),
        keys_on_board=True,
        networks=("10.0.0.0/8",),
        limits=limits,
        disabled=True,
    )
    text = tomli_w.dumps(
        {"group": {"lab": describe_group(group)}, "user": {"ann": describe_user(account)}}
    )
    found = parse(tomllib.loads(text))
    assert describe_group(found.groups["lab"]) == describe_group(group)
    assert describe_user(found.users["ann"]) == describe_user(account)
    assert found.users["ann"].limits == limits


def test_nothing_declares_nothing() -> None:
    assert parse({}) == Declaration()
