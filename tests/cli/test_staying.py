"""A shell that outlives a lost network: OpenSSH, a real board, and a wire that can be cut."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.cli.staying import PERSIST_LINE
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.request import RequestState
from tests.cli.screen import Wire, at_screen
from tests.cli.stage import Stage
from tests.client.board import reachable_board
from tests.client.serving import Served

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is missing")
pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(shutil.which("ssh") is None, reason="openssh-client is missing"),
]


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with OpenSSH's client and a board in the farm."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    stage = Stage(tmp_path, served.address)
    (tmp_path / "bin" / "ssh").unlink()
    yield stage
    stage.close()


@pytest.fixture
def wire(stage: Stage, served: Served, tmp_path: Path) -> Iterator[Wire]:
    """Return the way to a board that really is there."""
    with reachable_board(tmp_path / "board") as (access, _):
        wire = Wire(access.ip, access.port)
        served.lead_to(replace(access, port=wire.port))
        yield wire
        wire.close()


def state(served: Served) -> RequestState:
    return served.request(1).state


def test_a_lost_connection_is_opened_again(stage: Stage, served: Served, wire: Wire) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4", "--linger", "10m") as screen:
        screen.until("request 1: lab-rpi4 until")
        screen.type("echo one-$((1 + 1))\r")
        screen.until("one-2")
        wire.cut(stays=True)
        screen.until("the connection to the board is lost; the farm keeps the board for 10m; conn")
        assert wire.refused.wait(20)
        screen.until("not yet: ")
        wire.up = True
        screen.type("echo two-$((1 + 2))\r")
        screen.until("two-3")
        assert state(served) is RequestState.IN_PROGRESS
        screen.type("exit 7\r")
        assert screen.status() == 7
    assert served.request(1).keep_alive == 600
    assert state(served) is RequestState.DONE
    stage.assert_nothing_left()


def test_a_shell_that_ends_with_255_was_not_lost(stage: Stage, served: Served, wire: Wire) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4") as screen:
        screen.until("prolonged while you stay")
        screen.type("exit 255\r")
        assert screen.status() == 255
    assert "is lost" not in screen.shown
    assert state(served) is RequestState.DONE


def test_what_never_was_open_is_not_tried_for_ever(
    stage: Stage, served: Served, wire: Wire
) -> None:
    wire.up = False
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4") as screen:
        assert screen.status() == 255
    assert "Connection" in screen.shown
    assert "is lost" not in screen.shown
    assert state(served) is RequestState.DONE


@pytest.mark.parametrize(("key", "status", "left"), [("l", 130, True), ("e", 130, False)])
def test_ctrl_c_while_it_is_lost_asks(
    stage: Stage, served: Served, wire: Wire, key: str, status: int, left: bool
) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4") as screen:
        screen.until("prolonged while you stay")
        screen.type("echo one-$((1 + 1))\r")
        screen.until("one-2")
        wire.cut(stays=True)
        screen.until("connecting again; Ctrl-C asks")
        assert wire.refused.wait(20)
        screen.until("not yet: ")
        screen.type("\x03")
        screen.until("[g] go on trying, [l] leave the board as it is, [e] end the request?")
        screen.type(key)
        assert screen.status() == status
    assert state(served) is (RequestState.IN_PROGRESS if left else RequestState.DONE)
    assert ("take it up here or elsewhere: boruta ssh 1;" in screen.shown) is left


@needs_tmux
def test_a_persistent_shell_goes_on_where_it_was(stage: Stage, served: Served, wire: Wire) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4", "--persist") as screen:
        screen.until("[boruta]")
        screen.type("kept=se; kept=${kept}cret; echo set-$((1 + 1))\r")
        screen.until("set-2")
        wire.cut()
        screen.until("the connection to the board is lost")
        screen.until("[boruta]")
        screen.type("echo $kept-again\r")
        screen.until("secret-again")
        # Its prefix and d at once may be taken for something pasted.
        screen.type("tmux detach\r")
        assert screen.status() == 0
    assert "what runs in tmux goes on: request 1 keeps its board" in screen.shown
    assert state(served) is RequestState.IN_PROGRESS
    with at_screen(stage.environment, "ssh", "1", "--persist") as screen:
        screen.until("secret-again")
        screen.type("exit\r")
        assert screen.status() == 0
    assert state(served) is RequestState.IN_PROGRESS, "it was only taken up"


@needs_tmux
def test_a_closed_window_leaves_what_was_to_persist(
    stage: Stage, served: Served, wire: Wire
) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4", "--persist") as screen:
        screen.until("[boruta]")
        screen.hang_up()
        assert screen.status() == 129
    assert state(served) is RequestState.IN_PROGRESS


def test_a_closed_window_gives_a_plain_shells_board_back(
    stage: Stage, served: Served, wire: Wire
) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4") as screen:
        screen.until("prolonged while you stay")
        screen.hang_up()
        assert screen.status() == 129
    assert state(served) is RequestState.DONE
    stage.assert_nothing_left()


def test_without_tmux_that_is_said() -> None:
    line = PERSIST_LINE.replace("command -v tmux", "command -v no-such-tmux")
    plain = ["sh", "-c", line.replace(" -l; fi", ' -c "echo a shell"; fi')]
    done = subprocess.run(plain, capture_output=True, text=True, check=True)
    told = "boruta: this board has no tmux: the shell ends with its connection\n"
    assert (done.stdout, done.stderr) == ("a shell\n", told)


def test_one_key_prolongs_before_the_end(stage: Stage, served: Served, wire: Wire) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4", "--for", "303s") as screen:
        screen.until("the job ends in 5 minutes, at ")
        screen.until("; press Ctrl-] for more time")
        before = served.request(1).job
        screen.type("\x1d")
        screen.until("the job goes on until ")
        after = served.request(1).job
        assert before is not None
        assert after is not None
        assert after.timeout > before.timeout
        screen.type("exit\r")
        assert screen.status() == 0
    assert state(served) is RequestState.DONE


def test_what_is_said_beside_leaves_the_line_as_it_was(
    stage: Stage, served: Served, wire: Wire
) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4") as screen:
        screen.until("prolonged while you stay")
        screen.type("PS1='at-'work'> '\r")
        screen.until("at-work> ")
        screen.type("echo half-$((1 +")
        screen.until("echo half-$((1 +")
        served.do(served.contracts.requests.nudge(LOCAL_ADMIN, 1))
        screen.until("is still needed; to give it back: boruta close 1")
        screen.until("at-work> echo half-$((1 +")
        screen.type(" 1))\r")
        screen.until("half-2")
        screen.type("exit\r")
        assert screen.status() == 0


def test_a_farm_that_is_gone_is_not_waited_for_longer_than_it_keeps_the_board(
    stage: Stage, served: Served, wire: Wire
) -> None:
    with at_screen(stage.environment, "ssh", "-c", "board=rpi4", "--linger", "10s") as screen:
        screen.until("prolonged while you stay")
        screen.type("echo one-$((1 + 1))\r")
        screen.until("one-2")
        served.answers["reqs/1"] = [UnavailableError("gone")] * 1000
        wire.cut(stays=True)
        screen.until("the farm does not answer either; it keeps the board for 10s at most")
        screen.until("the farm has not answered for 10s")
        assert screen.status() == 255
