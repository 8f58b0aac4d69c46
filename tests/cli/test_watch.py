"""Boards and requests, live: one line for each change, or a screen that is drawn anew."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import WorkerState
from tests.cli.screen import at_screen
from tests.cli.stage import Boruta, Stage, ended, finish
from tests.client.serving import Served

WANTED = NewRequest(caps={"board": "rpi4"}, priority=8)


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with a free board."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    stage = Stage(tmp_path, served.address)
    yield stage
    stage.close()


def file(served: Served) -> None:
    served.do(served.contracts.requests.new_request(LOCAL_ADMIN, WANTED))


def test_without_a_terminal_each_change_is_a_line(stage: Stage, served: Served) -> None:
    with ended(stage.start("watch")) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split()[-2:] == ["lab-rpi4", "IDLE"]
        served.wait_for(lambda ear: len(ear.streams) == 1)
        file(served)
        told = [process.stdout.readline().split(maxsplit=1)[1] for _ in range(2)]
        assert told == [
            "lab-rpi4  RUNNING  request 1\n",
            "request 1  IN PROGRESS  lab-rpi4  board=rpi4\n",
        ]
        served.fail(1, "fan\x1b")
        assert "lab-rpi4  FAILED  fan?\n" in process.stdout.readline()
        assert "request 1  is over or gone\n" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert finish(process).status == 130


@pytest.mark.prove
def test_programs_read_the_records_that_changed(stage: Stage, served: Served) -> None:
    with ended(stage.start("watch", "-o", "jsonl")) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["Name"] == "lab-rpi4"
        process.send_signal(signal.SIGTERM)
        assert finish(process).status == 143


def test_a_terminal_shows_everything_anew(stage: Stage, served: Served) -> None:
    served.board(2, "lab-rpi3", caps={"board": "rpi3"}, state=WorkerState.MAINTENANCE)
    with at_screen(stage.environment, "watch") as screen:
        screen.until("2 boards, 0 requests running, 0 waiting")
        screen.until("lab-rpi4")
        screen.until("no request")
        served.wait_for(lambda ear: len(ear.streams) == 1)
        file(served)
        screen.until("\x1b[H")
        screen.until("1 request running, 0 waiting")
        screen.until("RUNNING")
        screen.until("IN PROGRESS")
        screen.type("\x03")
        assert screen.status() == 130
    assert screen.shown.startswith("\x1b[?1049h\x1b[?25l")
    assert screen.shown.endswith("\x1b[?25h\x1b[?1049l")


def test_usage(boruta: Boruta) -> None:
    assert "use -o jsonl" in boruta("watch", "-o", "json", status=2).err
    boruta.runner.env = {**boruta.runner.env, "BORUTA_SERVER": "http://127.0.0.1:1"}
    assert "cannot reach the server" in boruta("watch", status=1).err
