import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import WorkerState
from tests.cli.screen import at_screen
from tests.cli.stage import Boruta, Stage, ended, finish, pairs, sent
from tests.client.serving import FIRST_KEY, FIRST_PORT, HOST_KEY, PUBLIC_KEY, Served, uuid_of

WANTED = NewRequest(caps={"board": "rpi4"}, priority=8)


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with a free board, and another that is set aside."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    served.board(2, "lab-rpi3", caps={"board": "rpi3"}, state=WorkerState.MAINTENANCE)
    stage = Stage(tmp_path, served.address)
    yield stage
    stage.close()


def state(served: Served, request_id: int = 1) -> str:
    return served.request(request_id).state.value


def test_a_command_on_a_board(stage: Stage, served: Served) -> None:
    outcome = stage.run("ssh", "-c", "board=rpi4", "--", "uname", "-a")
    assert outcome.status == 0, outcome.err
    arguments = stage.arguments
    assert arguments[:2] == ["-p", str(FIRST_PORT)]
    assert arguments[-3:] == ["boruta-user@127.0.0.1", "uname", "-a"]
    options = pairs(arguments, "-o")
    assert "StrictHostKeyChecking=yes" in options
    assert "IdentitiesOnly=yes" in options
    assert (stage.folder / "key").read_text() == f"{FIRST_KEY}\n"
    assert stage.mode("key") == "0o600"
    assert (stage.folder / "known_hosts").read_text() == f"[127.0.0.1]:{FIRST_PORT} {HOST_KEY}\n"
    assert served.request(1).keep_alive == 120
    assert sent(served)["Strict"] is True
    assert "request 1: lab-rpi4 until" in outcome.err
    assert FIRST_KEY not in outcome.err + outcome.out
    assert state(served) == "DONE"
    stage.assert_nothing_left()


@pytest.mark.parametrize("status", [7, 255])
def test_the_commands_status_is_ours(stage: Stage, served: Served, status: int) -> None:
    stage.environment["STATUS"] = str(status)
    assert stage.run("ssh", "-c", "board=rpi4").status == status
    assert state(served) == "DONE"


def test_a_command_that_looks_like_an_option_or_an_id(stage: Stage) -> None:
    assert stage.run("ssh", "--", "-v").status == 0
    assert stage.arguments[-3:] == ["boruta-user@127.0.0.1", "--", "-v"]
    assert stage.run("ssh", "-c", "board=rpi4", "--", "1").status == 0
    assert stage.arguments[-2:] == ["boruta-user@127.0.0.1", "1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_session_request_and_files(
    stage: Stage, served: Served, number: signal.Signals
) -> None:
    """Without a terminal SIGINT is meant for us as the others are."""
    stage.hold()
    with ended(stage.start("ssh", "-c", "board=rpi4")) as process:
        stage.wait_for_ssh()
        folder = Path((stage.folder / "folder").read_text().strip())
        assert (folder / "key").exists()
        process.send_signal(number)
        assert finish(process).status == 128 + number
    assert state(served) == "DONE"
    assert not folder.exists()
    stage.assert_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_waiting_closes_the_request(
    stage: Stage, served: Served, number: signal.Signals
) -> None:
    with ended(stage.start("ssh", "-c", "board=rpi3")) as process:
        served.wait_for(lambda _: served.count("GET", "reqs/1/explain") > 0)
        process.send_signal(number)
        outcome = finish(process)
    assert outcome.status == 128 + number
    assert state(served) == "CANCELLED"
    assert "Traceback" not in outcome.err


def test_ctrl_c_on_a_terminal_belongs_to_ssh(stage: Stage, served: Served) -> None:
    stage.hold()
    stage.environment["INTERRUPTED"] = "yes"
    ours, theirs = pty.openpty()
    try:
        with ended(stage.start("ssh", "-c", "board=rpi4", terminal=theirs)) as process:
            stage.wait_for_ssh()
            os.write(ours, b"\x03")
            assert finish(process).status == 5
    finally:
        os.close(ours)
        os.close(theirs)
    assert (stage.folder / "interrupted").exists()
    assert state(served) == "DONE"
    stage.assert_nothing_left()


@pytest.mark.parametrize(
    ("keys", "becomes", "told"),
    [
        ("c", "CANCELLED", "request 1 is closed: it neither waits nor holds a board"),
        pytest.param("\x03", "CANCELLED", "request 1 is closed: it nei", marks=pytest.mark.prove),
        ("xl", "WAITING", "request 1 stays in the queue; connect: boruta ssh 1; cancel it: bor"),
    ],
)
def test_ctrl_c_while_waiting_asks_what_is_meant(
    stage: Stage, served: Served, keys: str, becomes: str, told: str
) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi3") as screen:
        screen.until("position 1")
        screen.type("\x03")
        screen.until("[c] cancel it, [l] leave it in the queue, [g] go on waiting?")
        screen.type("g")
        screen.until("position 1")
        screen.type("\x03")
        screen.until("go on waiting?")
        screen.type(keys)
        assert screen.status() == 130
    assert "\x1b[?25l" in screen.shown, "the cursor hides behind the spinner"
    assert told in screen.shown
    assert state(served) == becomes


def test_a_board_that_comes_while_the_question_stands_is_taken(
    stage: Stage, served: Served
) -> None:
    served.do(served.contracts.requests.new_request(LOCAL_ADMIN, WANTED))
    with at_screen(stage.environment, "new", "-c", "board=rpi4", "--wait", "10m") as screen:
        screen.until("position 1")
        screen.type("\x03")
        screen.until("go on waiting?")
        served.do(served.contracts.requests.close_request(LOCAL_ADMIN, 1))
        assert screen.status() == 0
    assert state(served, 2) == "IN PROGRESS"


def test_waiting_is_told_in_plain_lines_without_a_terminal(stage: Stage, served: Served) -> None:
    served.do(served.contracts.requests.new_request(LOCAL_ADMIN, WANTED))
    with ended(stage.start("ssh", "-c", "board=rpi4", "--queue")) as process:
        served.wait_for(lambda _: served.count("GET", "reqs/2/explain") > 0)
        served.do(served.contracts.requests.close_request(LOCAL_ADMIN, 1))
        outcome = finish(process)
    assert outcome.status == 0
    assert "Strict" not in sent(served)
    first = outcome.err.splitlines()[0]
    told = (
        r"waiting: position 1; 1 board matches: 1 running "
        r"\(lab-rpi4, held by request 1 until .*\d\d:\d\d\); expected start .*"
    )
    assert re.fullmatch(told, first), first


def test_a_board_by_its_name(stage: Stage, served: Served) -> None:
    served.board(3, "lab-rpi4-2", caps={"board": "rpi4"})
    assert stage.run("ssh", "lab-rpi4-2", "-c", "board=rpi4", "--", "true").status == 0
    assert sent(served)["Caps"] == {"board": "rpi4", "UUID": uuid_of(3)}
    outcome = stage.run("ssh", "lab-rpi5")
    assert outcome.status == 255
    assert "there is no board and no kind of board 'lab-rpi5'; did you mean lab-rpi4" in outcome.err
    assert "? a command goes after --" in outcome.err
    for verb in ("ssh", "run"):
        outcome = stage.run(verb, "lab-rpi5", "--", "true")
        assert "did you mean lab-rpi4" in outcome.err
        assert "a command goes after --" not in outcome.err
    assert "after --" not in outcome.err, "it is there"
    assert len(served.requests()) == 1


def test_a_board_by_what_it_is(stage: Stage, served: Served, boruta: Boruta) -> None:
    assert stage.run("ssh", "RPI4+arch!=x86", "--", "true").status == 0
    assert sent(served)["Caps"] == {"board": "rpi4"}
    assert sent(served)["Selector"] == "arch != x86"
    boruta("new", "board=rpi4")
    assert stage.run("ssh", "r2", "--", "true").status == 0
    assert list(served.requests()) == [1, 2], "what is attached to is there already"
    assert "r2 is a request already" in boruta("new", "r2", status=2).err
    assert "a + with nothing beside it" in stage.run("run", "rpi4+", "--", "true").err


def test_who_asks_for_a_lent_board_by_its_name_learns_which_request_has_it(
    stage: Stage, served: Served
) -> None:
    served.do(served.contracts.requests.new_request(LOCAL_ADMIN, WANTED))
    told = "boruta: lab-rpi4 is lent to request 1; if that is yours, write 1 in place of LAB-RPI4\n"
    assert told in stage.run("ssh", "LAB-RPI4", "--wait", "0.2s").err


def test_the_wait_has_a_limit(stage: Stage, served: Served) -> None:
    outcome = stage.run("ssh", "-c", "board=rpi3", "--wait", "0.2s")
    assert outcome.status == 255
    assert "request 1 had no board within the time" in outcome.err
    assert "boruta: request 1 is closed: it neither waits nor holds a board" in outcome.err
    assert state(served) == "CANCELLED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("form", ["table", "json"])
def test_a_signal_while_new_waits_closes_the_request(
    stage: Stage, served: Served, number: signal.Signals, form: str
) -> None:
    command = ("new", "-c", "board=rpi3", "--wait", "10m", "-o", form)
    with ended(stage.start(*command)) as process:
        served.wait_for(lambda _: served.count("GET", "reqs/1/explain") > 0)
        process.send_signal(number)
        outcome = finish(process)
    assert outcome.status == 128 + number
    assert state(served) == "CANCELLED"
    assert "1" in outcome.out
    assert "request 1 is closed" in outcome.err
    assert "Traceback" not in outcome.err


def test_attaching_neither_files_nor_closes(stage: Stage, served: Served, boruta: Boruta) -> None:
    boruta("new", "-c", "board=rpi4")
    outcome = stage.run("ssh", "1", "--", "true")
    assert outcome.status == 0
    assert stage.arguments[-1] == "true"
    assert list(served.requests()) == [1]
    assert state(served) == "IN PROGRESS"
    assert "request 1: lab-rpi4 until" in outcome.err
    stage.assert_nothing_left()
    stage.environment["BORUTA_REQUEST"] = "1"
    assert stage.run("ssh", "1", "--", "true").err == "", "who holds it has said so"


def test_attaching_to_nothing_or_to_what_is_over(stage: Stage, boruta: Boruta) -> None:
    outcome = stage.run("ssh", "9")
    missing = "boruta: request 9: Request not found; see: boruta ls --all\n"
    assert (outcome.status, outcome.err) == (255, missing)
    boruta("new", "-c", "board=rpi4")
    boruta("close", "1")
    outcome = stage.run("ssh", "1")
    assert outcome.status == 255
    assert re.fullmatch(r"boruta: request 1: it is DONE since \d\d:\d\d: closed\n", outcome.err)


def test_again_files_the_last_demand_or_takes_up_what_goes_on(
    stage: Stage, served: Served, boruta: Boruta
) -> None:
    told = stage.run("ssh", "--again")
    assert told.status == 255
    assert f"nothing of {served.address} was held here" in told.err
    assert stage.run("ssh", "-c", "board=rpi4", "-s", "!broken").status == 0
    stage.environment["BORUTA_SERVER"] += "/"
    assert stage.run("ssh", "--again", "--", "true").status == 0
    assert (sent(served)["Caps"], sent(served)["Selector"]) == ({"board": "rpi4"}, "!broken")
    boruta("new", "-c", "board=rpi4")
    assert stage.run("ssh", "3").status == 0
    assert stage.run("ssh", "--again").status == 0
    assert state(served, 3) == "IN PROGRESS"
    assert list(served.requests()) == [1, 2, 3]
    assert "--again knows" in boruta("ssh", "--again", "-c", "a=b", status=2).err


def test_what_cannot_be_remembered_is_said(stage: Stage, served: Served) -> None:
    (stage.folder / ".local").write_text("no folder")
    outcome = stage.run("ssh", "-c", "board=rpi4")
    assert outcome.status == 0
    assert "this is not remembered for --again: " in outcome.err


def test_an_own_key(stage: Stage, served: Served) -> None:
    (stage.folder / "id").write_text("the private half is never read")
    (stage.folder / "id").chmod(0)
    public = stage.folder / "id.pub"
    public.write_text(f"{PUBLIC_KEY} me@here\n")
    assert stage.run("ssh", "-c", "board=rpi4", "--key", str(public)).status == 0
    assert served.request(1).ssh_key == PUBLIC_KEY
    assert f'IdentityFile="{stage.folder / "id"}"' in pairs(stage.arguments, "-o")


def test_without_host_key_that_is_said(stage: Stage, served: Served) -> None:
    served.board(3, "silent", caps={"board": "rpi5"}, host_key=None)
    outcome = stage.run("ssh", "-c", "board=rpi5")
    assert outcome.status == 0
    assert "tells no host key" in outcome.err
    options = pairs(stage.arguments, "-o")
    assert "StrictHostKeyChecking=accept-new" in options
    assert "StrictHostKeyChecking=yes" not in options


def test_a_board_that_is_taken_away(stage: Stage, served: Served) -> None:
    stage.hold()
    with ended(stage.start("ssh", "-c", "board=rpi4")) as process:
        stage.wait_for_ssh()
        served.wait_for(lambda ear: len(ear.streams) == 1)
        served.fail(1, "power cut")
        served.wait_for(lambda ear: not ear.streams)
        stage.let_go(255)
        outcome = finish(process)
    assert outcome.status == 255
    assert "the job ended, request 1 is FAILED: lab-rpi4 was taken away: power cut" in outcome.err


def test_extra_arguments_come_after_ours(stage: Stage) -> None:
    assert stage.run("ssh", "-c", "board=rpi4", "--ssh-arg=-t").status == 0
    arguments = stage.arguments
    assert arguments.index("-t") == arguments.index("boruta-user@127.0.0.1") - 1


def test_without_a_server(stage: Stage) -> None:
    stage.environment["BORUTA_SERVER"] = "http://127.0.0.1:1"
    outcome = stage.run("ssh", "-c", "board=rpi4")
    assert outcome.status == 255
    assert "cannot reach the server at http://127.0.0.1:1: connection refused" in outcome.err


def test_without_ssh_nothing_is_filed(stage: Stage, served: Served) -> None:
    stage.environment["PATH"] = str(stage.folder)
    outcome = stage.run("ssh", "-c", "board=rpi4")
    assert outcome.status == 255
    assert "'ssh' was not found; install it" in outcome.err
    assert served.requests() == {}


def test_input_and_output_are_handed_through(stage: Stage) -> None:
    (stage.folder / "bin" / "ssh").write_text("#!/bin/sh\nexec tr a-z A-Z\n")
    process = stage.start("ssh", "-c", "board=rpi4", stdin=subprocess.PIPE)
    with ended(process):
        out, _ = process.communicate("quiet words", timeout=60)
    assert (process.returncode, out) == (0, "QUIET WORDS")


def test_usage(boruta: Boruta) -> None:
    words = boruta("ssh", "3", "-c", "a=b", status=2).err
    assert "with an ID nothing is filed" in words
    assert "no duration" in boruta("ssh", "--wait", "10", status=2).err
    assert "a command goes after --" in boruta("ssh", "uname", status=255).err
    words = boruta("ssh", "rpi4", "uname", "all", status=2).err
    assert "unexpected: uname all; a command goes after --: ... -- uname all" in words
