"""``boruta cp`` and ``boruta forward``: what scp and ssh are called with, and real copies."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.client.device import SSH_FAILED
from boruta_farm.model.worker import NOT_FORWARDED, PORTS_FACT
from tests.cli.stage import Boruta, Stage, pairs
from tests.client.board import reachable_board
from tests.client.serving import FIRST_PORT, Served


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with a free board and one that is lent."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    served.board(2, "lab-rpi3", caps={"board": "rpi3"})
    stage = Stage(tmp_path, served.address)
    shutil.copy(stage.folder / "bin" / "ssh", stage.folder / "bin" / "scp")
    yield stage
    stage.close()


@pytest.fixture
def here(stage: Stage, boruta: Boruta, monkeypatch: pytest.MonkeyPatch) -> Boruta:
    """Return the command in this process, where ssh and scp are stand-ins; request 1 runs."""
    for name in ("PATH", "STAGE", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, stage.environment[name])
    boruta("new", "-c", "board=rpi4")
    return boruta


@pytest.mark.parametrize("board", ["1", "lab-rpi4"])
def test_which_way_scp_copies(
    stage: Stage, here: Boruta, served: Served, tmp_path: Path, board: str
) -> None:
    here("cp", f"{tmp_path}/a:b", f"{board}:in to")
    assert stage.arguments[-2:] == [f"{tmp_path}/a:b", "boruta-user@127.0.0.1:in to"]
    assert pairs(stage.arguments, "-P") == [str(FIRST_PORT)]
    here("cp", f"{board}:", "./c:d")
    assert stage.arguments[-2:] == ["boruta-user@127.0.0.1:", str(Path.cwd() / "c:d")]
    assert {key: state.value for key, state in served.requests().items()} == {1: "IN PROGRESS"}
    stage.assert_nothing_left()


def test_scps_status_is_ours(here: Boruta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATUS", "6")
    here("cp", "1:a", "b", status=6)


@pytest.mark.parametrize("places", [("a", "b"), ("1:a", "1:b"), ("./1:a", "/b:c")])
def test_one_side_must_be_a_board(here: Boruta, places: tuple[str, str]) -> None:
    assert "must be on a board" in here("cp", *places, status=2).err


def test_a_board_that_nobody_holds(here: Boruta) -> None:
    for verb in (("cp", "lab-rpi3:a", "b"), ("forward", "lab-rpi3", "8080:80")):
        told = here(*verb, status=SSH_FAILED).err
        assert told == "boruta: lab-rpi3 is lent to nobody; borrow it: boruta ssh lab-rpi3\n"


@pytest.mark.parametrize("name", ["ann's $board", "a; b, (c)"])
def test_what_is_proposed_for_it_can_be_pasted(here: Boruta, served: Served, name: str) -> None:
    served.board(3, name)
    _, _, proposed = here("forward", name, "8080:80", status=SSH_FAILED).err.partition("it: ")
    assert shlex.split(proposed) == ["boruta", "ssh", name]


def test_without_scp_that_is_said(
    stage: Stage, here: Boruta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stage.folder))
    assert "'scp' was not found" in here("cp", "1:a", "b", status=SSH_FAILED).err


def test_ports_lead_to_the_board(stage: Stage, here: Boruta) -> None:
    told = here("forward", "1", "8080:80", "5900").err
    assert "127.0.0.1:8080 here leads to port 80 of lab-rpi4, until Ctrl-C" in told
    assert pairs(stage.arguments, "-L") == [
        "127.0.0.1:8080:localhost:80",
        "127.0.0.1:5900:localhost:5900",
    ]
    assert {"-N", "-T", "ExitOnForwardFailure=yes", "RemoteCommand=none"} <= set(stage.arguments)
    assert stage.arguments[-1] == "boruta-user@127.0.0.1"


def test_a_board_that_forwards_no_ports_says_so_at_the_start(here: Boruta, served: Served) -> None:
    words = "forwards no ports, as sandboxes do not"
    assert words not in here("forward", "1", "8080:80").err
    served.board(3, "box", caps={"board": "box"}, facts={PORTS_FACT: NOT_FORWARDED})
    here("new", "-c", "board=box")
    told = here("forward", "box", "8080:80").err
    assert f"box {words}: nothing will answer here" in told
    assert "leads to" not in told
    assert words not in here("cp", "2:a", "b").err


@pytest.mark.parametrize("ports", ["", "ssh", "0", "65536", "1:2:3", "80:", "-1:80", "a:80"])
def test_what_is_no_port(here: Boruta, ports: str) -> None:
    assert "no port" in here("forward", "1", "--", ports, status=2).err


@pytest.mark.skipif(not all(map(shutil.which, ("ssh", "scp"))), reason="openssh-client is missing")
def test_files_there_and_back(
    served: Served, boruta: Boruta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "sub").mkdir(parents=True)
    (tmp_path / "here" / "sub" / "file").write_text("content")
    monkeypatch.chdir(tmp_path / "here")
    with reachable_board(tmp_path / "board") as (access, home):
        served.board(1, "lab", caps={"board": "rpi4"})
        served.lead_to(access)
        boruta("new", "-c", "board=rpi4")
        boruta("cp", "sub", "lab:there")
        assert (home / "there" / "file").read_text() == "content"
        boruta("cp", "1:there/file", "back")
        assert (tmp_path / "here" / "back").read_text() == "content"
        boruta("cp", "1:nowhere", "back", status=1)
