"""``boruta`` alone: three steps that fit how things stand, each a command that there is."""

import shlex

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from boruta_farm.cli import start
from boruta_farm.cli.main import app
from boruta_farm.model.worker import WorkerState
from tests.cli.served_people import Homes, ServedPeople
from tests.cli.stage import Boruta, Outcome
from tests.client.serving import Served


def commands(told: Outcome) -> list[str]:
    """Return the commands of the three steps; each is a verb of ours."""
    _, *steps, last = told.lines
    assert last == "all commands: boruta --help"
    found = [line[2:].split("  ")[0] for line in steps]
    assert len(found) == 3
    for command in found:
        program, *words = shlex.split(command)
        group = get_command(app)
        assert isinstance(group, TyperGroup)
        verbs = [word for word in words if word in group.commands]
        assert program == "dryad" or verbs, command
    return found


def test_from_no_board_to_one_in_hand(boruta: Boruta, served: Served) -> None:
    told = boruta()
    assert told.lines[0] == f"{served.address}: no board is registered yet"
    assert commands(told)[0] == "boruta agent invite"

    served.board(1, "lab-rpi4", caps={"board": "rpi4"}, state=WorkerState.MAINTENANCE)
    told = boruta()
    assert told.lines[0].endswith("you hold nothing, and no board is free")
    assert commands(told)[1] == "boruta ssh lab-rpi4"

    served.board(2, "lab rpi3", caps={"board": "rpi3"})
    told = boruta()
    assert told.lines[0].endswith("you hold nothing; 1 board free")
    assert commands(told)[:2] == ["boruta ssh 'lab rpi3'", "boruta run 'lab rpi3' -- uname -a"]

    boruta("new", "-c", "board=rpi4")
    told = boruta()
    assert told.lines[0].endswith("request 1 waits for board=rpi4")
    assert commands(told) == ["boruta explain 1", "boruta ssh 1", "boruta close 1"]

    boruta("new", "-c", "board=rpi3")
    told = boruta()
    assert "lab rpi3 is yours until " in told.lines[0]
    assert told.lines[0].endswith("(request 2)")
    assert commands(told) == ["boruta ssh 2", "boruta prolong 2 +30m", "boruta close 2"]


def test_only_what_is_ones_own_counts(root: Boruta, homes: Homes, people: ServedPeople) -> None:
    ann = homes("ann")
    told = ann()
    assert told.lines[0] == f"{people.address}: you are not signed in"
    assert commands(told)[0] == f"boruta login {people.address}"
    people.board()
    root("new", "-p", "4")
    assert commands(root())[0] == "boruta explain 1"
    ann("login", stdin=root("user", "add", "ann").out)
    assert "you hold nothing" in ann().lines[0]


@pytest.mark.parametrize("silent", [False, True])
def test_no_farm_answers(
    boruta: Boruta, served: Served, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    if silent:
        monkeypatch.setattr(start, "PATIENCE", 0.0)
        told = boruta(status=1)
        assert "did not answer within 0 s" in told.err
    else:
        told = boruta("--server", "http://127.0.0.1:1", status=1)
        assert "connection refused" in told.err
    assert "no farm answers there" in told.lines[0]
    commands(told)


def test_what_is_proposed_begins_as_this_command_was_called(
    boruta: Boruta, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BORUTA_CALLED_AS", "./run boruta")
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    told = boruta()
    assert told.lines[1].startswith("  ./run boruta ssh lab-rpi4  ")
    assert told.lines[-1] == "all commands: ./run boruta --help"
    assert boruta("new", "lab-rpi4").err.endswith("connect: ./run boruta ssh 1\n")
    # What is no command stays, and the voice keeps its name.
    refused = boruta("show", "9", status=1).err
    assert refused.startswith("boruta: request 9: ")
    assert refused.endswith("see: ./run boruta ls --all\n")
