"""What stands between a farm and its declaration."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from boruta_farm.cli.declaration import parse
from boruta_farm.cli.differences import Difference, State, differences, undeclared
from boruta_farm.model.account import Account, Group, Limits
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.permission import Role
from tests.matching.naive import make_worker

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAB = Group(name="lab", created=NOW, limits=Limits(jobs=2))
ANN = Account(id="ann", name="ann", role=Role.ADMIN, created=NOW, groups=("lab",))
BOB = Account(id="bob", name="bob", role=Role.USER, created=NOW)
RPI = replace(make_worker("11111111"), name="rpi4", groups=("lab",))
STATE = State(groups=(LAB,), users=(ANN, BOB), workers=(RPI,))
SAME = """
[group.lab]
limits.jobs = 2
[user.ann]
role = "admin"
groups = ["lab"]
[user.bob]
[worker.rpi4]
groups = ["lab"]
"""


def found(text: str, state: State = STATE, *, prune: bool = False) -> tuple[Difference, ...]:
    return differences(parse(tomllib.loads(text)), state, prune=prune)


def told(text: str, state: State = STATE, *, prune: bool = False) -> list[tuple[str, ...]]:
    return [(f"{d.kind} {d.name}", *d.words) for d in found(text, state, prune=prune)]


def test_a_farm_that_is_as_declared_needs_nothing() -> None:
    assert found(SAME, prune=True) == ()


def test_what_changes_is_told_field_by_field() -> None:
    text = SAME.replace("jobs = 2", "jobs = 4").replace(
        'groups = ["lab"]\n[user.bob]', "[user.bob]"
    )
    assert told(text) == [
        ("group lab", "limits.jobs: 2 -> 4"),
        ("user ann", "groups: lab -> nothing"),
    ]


def test_what_is_new_is_made_groups_before_users_admins_first() -> None:
    text = """
    [user.cleo]
    groups = ["lab"]
    [user.ann]
    role = "admin"
    [group.lab]
    """
    assert told(text, State()) == [
        ("group lab",),
        ("user ann", "role: admin"),
        ("user cleo", "groups: lab", "role: user"),
    ]


def test_a_limit_that_is_left_out_is_taken_away() -> None:
    text = SAME.replace("limits.jobs = 2\n", "")
    assert told(text) == [("group lab", "limits.jobs: 2 -> nothing")]


def test_what_is_not_declared_stays_unless_pruned() -> None:
    text = "[user.ann]\nrole = 'admin'\ngroups = ['lab']"
    assert told(text) == []
    declared = parse(tomllib.loads(text))
    assert undeclared(declared, STATE) == ("user bob", "group lab")
    assert told(text, prune=True) == [("user bob",), ("group lab",)]
    assert all(d.change is None for d in found(text, prune=True))


def test_workers_are_changed_only_where_the_file_says_so() -> None:
    assert told("[worker.11111111]\nname = 'bench-1'") == [
        ("worker 11111111", "name: rpi4 -> bench-1")
    ]
    assert told("[worker.rpi4]\ngroups = []") == [("worker 11111111", "groups: lab -> nothing")]


def test_a_worker_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="the farm knows no such worker"):
        found("[worker.rpi5]\nname = 'x'")


def test_what_is_told_of_a_worker_is_compared_where_it_is_declared() -> None:
    labelled = replace(RPI, labels={"rack": "2", "camera": "yes"}, notes="old")
    state = replace(STATE, workers=(labelled,))
    assert found(SAME, state) == ()
    text = SAME + 'labels = { rack = "3" }\nnotes = ""\nphoto = "https://wiki.example/a.jpg"\n'
    assert told(text, state) == [
        (
            f"worker {RPI.uuid}",
            "labels.camera: yes -> nothing",
            "labels.rack: 2 -> 3",
            "notes: old -> nothing",
            "photo: nothing -> https://wiki.example/a.jpg",
        )
    ]
    again = replace(labelled, labels={"rack": "3"}, notes=None, photo="https://wiki.example/a.jpg")
    assert found(text, replace(STATE, workers=(again,))) == ()


def test_a_label_is_a_text() -> None:
    with pytest.raises(ConfigError, match=r"worker\.rpi4\.labels\.rack: 3 must be a text"):
        found(SAME + "labels = { rack = 3 }\n")
