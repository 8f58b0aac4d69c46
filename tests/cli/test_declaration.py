"""What a farm's declaration says, and what it refuses to say."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomli_w

from boruta_farm.cli.declaration import (
    Declaration,
    WorkerChange,
    describe_group,
    describe_user,
    parse,
    read,
)
from boruta_farm.model.account import Account, AccountChange, Group, GroupChange, Limits
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.permission import Role

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
            limits=Limits(jobs=4, job_time=timedelta(hours=8)), keys_for_admins=True
        ),
        "guests": GroupChange(limits=Limits(), keys_for_admins=False),
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
        "rpi4": WorkerChange(groups=("lab",)),
        "11111111-2222-4333-8444-555555555555": WorkerChange(name="rpi3"),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[users.ann]", "there is no users; known are group, user, worker"),
        ("[user.ann]\nrole = 'boss'", "user.ann.role: 'boss' is none of viewer"),
        ("[user.ann]\ngroup = ['lab']", "there is no user.ann.group"),
        ("[user.ann]\ngroups = 'lab'", "user.ann.groups: must be a list"),
        ("[user]\nann = 3", "user.ann: must be a table"),
        ("[user.ann.limits]\njobs = 'many'", "user.ann.limits.jobs: 'many' must be a whole"),
        ("[user.ann.limits]\njob_time = 30", "user.ann.limits.job_time: '30' is no duration"),
        ("[user.ann.limits]\nboards = 3", "there is no user.ann.limits.boards"),
        ("[group.lab]\nkeys_for_admins = 'yes'", "group.lab.keys_for_admins: 'yes' must be true"),
        ("[worker.rpi4]\nstate = 'IDLE'", "there is no worker.rpi4.state"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(tomllib.loads(text))


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
