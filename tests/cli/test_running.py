"""``boruta run``: statuses with a stand-in for ssh, files with OpenSSH and a real board."""

import os
import pty
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.cli import running, ssh
from boruta_farm.cli.running import RunFault, board_line, fault_of
from boruta_farm.client.session import NotStartedError
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import (
    AgentUnreachableError,
    AmbiguousWorkerError,
    BorutaError,
    ForbiddenError,
    OutcomeUnknownError,
    QuotaError,
    UnavailableError,
    UnmetDemandError,
    WorkerNotFoundError,
)
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from tests.cli.stage import Boruta, Stage, ended, finish, sent
from tests.client.board import reachable_board
from tests.client.serving import Served, uuid_of

MARK = ".boruta-1-255"
FLAKY_SSH = """#!/bin/sh
# The first connection breaks, and so does the look whether the board is there.
echo called >> "$STAGE/calls"
[ "$(wc -l < "$STAGE/calls")" -gt 2 ] || exit 255
exit "${STATUS:-0}"
"""


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with a free board, and another that is set aside."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    served.board(2, "lab-rpi3", caps={"board": "rpi3"}, state=WorkerState.MAINTENANCE)
    stage = Stage(tmp_path, served.address)
    yield stage
    stage.close()


@pytest.fixture
def here(stage: Stage, boruta: Boruta, monkeypatch: pytest.MonkeyPatch) -> Boruta:
    """Return the command in this process, where ssh is the stand-in and nothing is waited for."""
    for name in ("PATH", "STAGE", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, stage.environment[name])
    for module in (running, ssh):
        monkeypatch.setattr(module, "LAST_WORDS_WITHIN", 0.1)
    monkeypatch.setattr(running, "FIRST_PAUSE", 0.01)
    return boruta


def states(served: Served) -> list[str]:
    return [state.value for state in served.requests().values()]


@pytest.mark.parametrize("status", [0, 1, 193, 254])
def test_the_commands_status_is_passed_on_and_never_repeated(
    stage: Stage, here: Boruta, served: Served, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("STATUS", str(status))
    here("run", "-c", "board=rpi4", "--retries", "3", "--", "make", "a b", status=status)
    assert stage.arguments[-2:] == ["boruta-user@127.0.0.1", board_line("make 'a b'", "", MARK)]
    assert "-T" in stage.arguments
    assert "BatchMode=yes" in stage.arguments
    assert sent(served)["KeepAlive"] == 120
    assert sent(served)["Strict"] is True
    assert states(served) == ["DONE"]
    stage.assert_nothing_left()


def test_here_the_command_finds_its_request_and_the_farm(
    here: Boruta, served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    line = 'echo "$BORUTA_REQUEST at $BORUTA_SERVER"; exit 9'
    here("run", "-c", "board=rpi4", "--here", "--retries", "3", "--", line, status=9)
    assert capfd.readouterr().out == f"1 at {served.address}\n"
    assert states(served) == ["DONE"]
    here("run", "-c", "board=rpi4", "--here", "--", "sh", "-c", "exit 255", status=255)
    assert "--here" in here("run", "--here", "--fetch", "x", "--", "true", status=2).err


@pytest.mark.parametrize("ended_by", ["a signal", "the farm"])
def test_here_it_ends_with_its_board(stage: Stage, served: Served, ended_by: str) -> None:
    words = ("run", "-c", "board=rpi4", "--here", "--", "sh -c 'echo begun; exec sleep 600'; :")
    with ended(stage.start(*words)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        served.wait_for(lambda ear: len(ear.streams) == 1)
        if ended_by == "a signal":
            process.send_signal(signal.SIGTERM)
            assert finish(process).status == 128 + signal.SIGTERM
        else:
            served.do(served.contracts.requests.close_request(LOCAL_ADMIN, 1))
            assert finish(process).status == RunFault.JOB_ENDED
    assert states(served) == ["DONE"]


def test_a_ci_job_that_signs_in_but_once_says_until_when(
    here: Boruta, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BORUTA_WORKLOAD", "1")
    monkeypatch.setenv("BORUTA_ID_TOKEN", "a.b.c")
    short = {"access_token": "short", "expires_in": 3600, "scope": "request"}
    served.answers["token-exchange"] = [(200, short)]
    told = here("run", "-c", "board=rpi4", "--", "make").err
    assert "this CI job has signed in until" in told
    assert "BORUTA_ID_TOKEN counts once" in told
    bearers = {
        call.headers.get("authorization") for call in served.heard if call.path != "token-exchange"
    }
    assert bearers == {"Bearer short"}
    monkeypatch.setenv("BORUTA_ID_TOKEN_FILE", "/proc/self/nothing")
    monkeypatch.delenv("BORUTA_ID_TOKEN")
    told = here("run", "-c", "board=rpi4", "--", "make", status=RunFault.REFUSED).err
    assert "BORUTA_ID_TOKEN_FILE" in told
    assert "signed in until" not in told


def test_one_word_is_a_line_and_a_board_may_be_named(
    stage: Stage, here: Boruta, served: Served
) -> None:
    here("run", "lab-rpi4", "--for", "2h", "--", "cd src && make")
    assert stage.arguments[-1] == board_line("cd src && make", "", MARK)
    assert sent(served)["Caps"] == {"UUID": uuid_of(1)}
    assert sent(served)["Length"] == 7200


def test_nobody_free_in_time(here: Boruta, served: Served) -> None:
    wish = ("run", "-c", "board=rpi3", "--wait", "0.2s", "--retries", "2")
    assert (
        "had no board within the time" in here(*wish, "--", "true", status=RunFault.NOBODY_FREE).err
    )
    assert states(served) == ["CANCELLED"]


@pytest.mark.parametrize("which", [["-c", "board=rpi9"], ["lab-rpi9"], ["lab-rpi"]])
def test_no_such_board(here: Boruta, served: Served, which: list[str]) -> None:
    here("run", *which, "--retries", "2", "--", "true", status=RunFault.NO_BOARD)
    assert served.requests() == {}


def test_the_farm_cannot_be_reached(here: Boruta) -> None:
    far = ("--server", "http://127.0.0.1:1", "run", "-c", "board=rpi4", "--retries", "2")
    told = here(*far, "--", "true", status=RunFault.UNREACHABLE).err
    assert told.count("connection refused") == 3
    assert "trying again in 0.01 s (--retries: 2 left)" in told
    assert "trying again in 0.02 s (--retries: 1 left)" in told


def test_a_board_that_is_lost_is_replaced(
    stage: Stage, here: Boruta, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stage.folder / "bin" / "ssh").write_text(FLAKY_SSH)
    monkeypatch.setenv("STATUS", "7")
    told = here("run", "-c", "board=rpi4", "--retries", "1", "--", "true", status=7).err
    assert "the connection to the board broke off" in told
    assert states(served) == ["DONE", "DONE"]


@pytest.mark.parametrize("closed", [False, pytest.param(True, marks=pytest.mark.prove)])
def test_a_job_that_ends_before_its_command(stage: Stage, served: Served, closed: bool) -> None:
    stage.hold()
    with ended(stage.start("run", "-c", "board=rpi4", "--", "make")) as process:
        stage.wait_for_ssh()
        served.wait_for(lambda ear: len(ear.streams) == 1)
        if closed:
            served.do(served.contracts.requests.close_request(LOCAL_ADMIN, 1))
        else:
            served.fail(1, "power cut")
        served.wait_for(lambda ear: not ear.streams)
        stage.let_go(255)
        outcome = finish(process)
    assert outcome.status == (RunFault.JOB_ENDED if closed else RunFault.BOARD_LOST), outcome.err


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.prove)]
)
def test_a_signal_gives_the_board_back(
    stage: Stage, served: Served, number: signal.Signals
) -> None:
    stage.hold()
    with ended(stage.start("run", "-c", "board=rpi4", "--retries", "5", "--", "make")) as process:
        stage.wait_for_ssh()
        process.send_signal(number)
        assert finish(process).status == 128 + number
    assert states(served) == ["DONE"]
    stage.assert_nothing_left()


def test_a_reader_that_has_gone_is_no_fault_of_the_board(stage: Stage, served: Served) -> None:
    stage.hold()
    with ended(stage.start("run", "-c", "board=rpi4", "--retries", "5", "--", "yes")) as process:
        stage.wait_for_ssh()
        assert process.stdout is not None
        process.stdout.close()
        stage.let_go(255)
        assert process.wait(60) == 128 + signal.SIGPIPE
    assert states(served) == ["DONE"]


def test_ctrl_c_on_a_terminal_ends_all(stage: Stage, served: Served) -> None:
    stage.hold()
    ours, theirs = pty.openpty()
    try:
        with ended(stage.start("run", "-c", "board=rpi4", "--", "make", terminal=theirs)) as run:
            stage.wait_for_ssh()
            os.write(ours, b"\x03")
            assert finish(run).status == 130
    finally:
        os.close(ours)
        os.close(theirs)
    assert states(served) == ["DONE"]
    stage.assert_nothing_left()


def test_what_cannot_work_is_said_before_a_board_is_asked_for(
    stage: Stage, here: Boruta, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "after --" in here("run", "-c", "board=rpi4", status=2).err
    assert "boruta ssh 3 --" in here("run", "3", "--", "true", status=2).err
    assert "--fetch" in here("run", "--to", "x", "--", "true", status=2).err
    assert "does not exist" in here("run", "--in", "/nowhere", "--", "true", status=2).err
    wish = ("run", "-c", "board=rpi4", "--fetch", "x", "--to", "/proc/x", "--", "true")
    assert "cannot be made" in here(*wish, status=RunFault.REFUSED).err
    monkeypatch.setenv("PATH", str(stage.folder))
    words = here("run", "-c", "board=rpi4", "--", "true", status=RunFault.REFUSED).err
    assert "'ssh' was not found" in words
    assert served.requests() == {}


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (NotStartedError(), 193),
        (NotStartedError(state=RequestState.TIMEOUT), 193),
        (NotStartedError(state=RequestState.INVALID), 194),
        (NotStartedError(state=RequestState.FAILED), 195),
        (NotStartedError(state=RequestState.FAILED, unready=True), 197),
        (NotStartedError(state=RequestState.CANCELLED), 197),
        (UnmetDemandError(), 194),
        (WorkerNotFoundError(), 194),
        (AmbiguousWorkerError(), 194),
        (AgentUnreachableError(), 195),
        (UnavailableError(), 196),
        (OutcomeUnknownError(), 196),
        (QuotaError(), 199),
        (ForbiddenError(), 199),
        (BorutaError(), 199),
    ],
)
def test_which_status_stands_for_which_error(error: BorutaError, fault: int) -> None:
    assert fault_of(error) == fault


def test_the_statuses_are_nobody_elses() -> None:
    signals = 128 + signal.SIGRTMAX
    assert all(signals < fault < 200 for fault in RunFault)


@pytest.mark.parametrize("status", [0, 3, 255])
def test_the_line_for_the_board(tmp_path: Path, status: int) -> None:
    (tmp_path / "a b").mkdir()
    line = board_line(f'pwd; echo "it\'s" >&2; exit {status}', "a b", "mark")
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, "it's\n")
    assert done.stdout == f"{tmp_path / 'a b'}\n"
    assert (tmp_path / "mark").exists() == (status == 255)


@pytest.fixture
def home(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the farm lend a board that can be reached, and return the home on it."""
    for name in ("here", "runtime"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    with reachable_board(tmp_path / "board") as (access, on_board):
        served.board(1, "lab", caps={"board": "rpi4"})
        served.lead_to(access)
        yield on_board
    assert list((tmp_path / "runtime").iterdir()) == [], "no key is left"
    assert set(states(served)) == {"DONE"}


@pytest.mark.skipif(not all(map(shutil.which, ("ssh", "scp"))), reason="openssh-client is missing")
def test_files_there_and_back(
    home: Path, boruta: Boruta, capfd: pytest.CaptureFixture[str]
) -> None:
    here = Path.cwd()
    (here / "in" / "sub").mkdir(parents=True)
    (here / "in" / "sub" / "words").write_text("good morning")
    wish = ("run", "-c", "board=rpi4", "--in", "in", "--fetch", "out/*.log", "--to", "got/new")
    script = "mkdir out; tr a-z A-Z < sub/words | tee out/a.log; cp out/a.log out/b.log; exit 5"
    boruta(*wish, "--", script, status=5)
    assert "GOOD MORNING" in capfd.readouterr().out
    assert sorted(path.name for path in (here / "got" / "new").iterdir()) == ["a.log", "b.log"]
    assert (here / "got" / "new" / "b.log").read_text() == "GOOD MORNING"

    # Without what was wished for nothing is done; what the command said of itself comes first.
    assert "not copied" in boruta(*wish, "--", "true", status=RunFault.NOT_COPIED).err
    boruta(*wish, "--", "sh", "-c", "exit 4", status=4)
    # 255 is the command's own, and not that of a lost board.
    boruta("run", "-c", "board=rpi4", "--retries", "9", "--", "exit 255", status=255)
