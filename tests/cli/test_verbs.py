"""Verbs are found where the table says, and nothing is made before it is wanted."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from boruta_farm.cli.main import VERBS, app
from boruta_farm.cli.verbs import Family, Verb
from tests.cli.stage import Boruta


def declared(verbs: Mapping[str, Verb | Family], path: str = "") -> Iterator[str]:
    for name, verb in verbs.items():
        if isinstance(verb, Family):
            yield from declared(verb.verbs, f"{path}{name} ")
        else:
            yield f"{path}{name}"


def command(path: str) -> Any:
    found: Any = get_command(app)
    for name in path.split():
        assert isinstance(found, TyperGroup)
        found = found.commands[name]
    return found


@pytest.mark.parametrize("path", list(declared(VERBS)))
def test_every_verb_is_there_and_says_what_it_does(path: str) -> None:
    found = command(path)
    assert found.name == path.split()[-1]
    assert found.help


def test_a_verb_is_made_once_and_others_are_known_by_name_alone() -> None:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    assert root.commands["version"] is root.commands["version"]
    assert len(root.commands) == len(VERBS)
    assert "lend" not in root.commands
    root.commands["more"] = root.commands["version"]
    assert list(root.commands) == [*VERBS, "more"]
    del root.commands["more"]
    assert list(root.commands) == list(VERBS)


def test_a_token_typed_in_the_wrong_place_is_not_repeated(boruta: Boruta) -> None:
    told = boruta("boruta_p_0123456789_" + "x" * 43, status=2).err
    assert "x" * 43 not in told


def test_a_word_alone_shows_what_stands_behind_it(boruta: Boruta) -> None:
    told = boruta("user", status=2)
    assert "Accounts." in told.out + told.err
    assert "rescue" in told.out + told.err
