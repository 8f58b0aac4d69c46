import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from tests.cli.stage import Boruta, Stage, ended, finish
from tests.client.serving import Served, uuid_of


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with a board."""
    served.board(1, "lab-rpi4", {"board": "rpi4"})
    stage = Stage(tmp_path, served.address)
    yield stage
    stage.close()


def follow(stage: Stage, served: Served, *arguments: str) -> tuple[int, list[str], str]:
    """Follow events while a worker fails and a connection breaks, until Ctrl-C."""
    with ended(stage.start("events", *arguments)) as process:
        served.wait_for(lambda ear: len(ear.streams) == 1)
        served.fail(1, "power cut")
        served.cut()
        served.wait_for(lambda ear: len(ear.streams) == 1 and len(served.queries()) == 2)
        requests = served.contracts.requests
        served.do(requests.new_request(LOCAL_ADMIN, NewRequest(caps={}, priority=8)))
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip("\n") for _ in range(2)]
        process.send_signal(signal.SIGINT)
        outcome = finish(process)
    return outcome.status, lines, outcome.err


def test_events_for_people(stage: Stage, served: Served) -> None:
    status, lines, err = follow(stage, served)
    assert lines[0][8:] == "  worker.state          lab-rpi4  FAILED  (power cut)"
    assert lines[1][8:] == "  request.created       request 1  WAITING"
    assert "the server ended the stream of events; trying again" in err
    assert "Traceback" not in err
    assert status == 130


def test_columns_of_events(stage: Stage, served: Served) -> None:
    _, lines, _ = follow(stage, served, "--columns", "request,kind,worker")
    assert lines == ["-  worker.state  lab-rpi4", "1  request.created  -"]


def test_events_for_scripts(stage: Stage, served: Served) -> None:
    _, lines, _ = follow(stage, served, "-o", "jsonl")
    assert [json.loads(line)["Kind"] for line in lines] == ["worker.state", "request.created"]
    number = json.loads(lines[0])["Number"]
    assert lines[0].startswith(f'{{"Number": {number}, '), "keys stand in the API's order"


def test_filters_and_start(stage: Stage, served: Served) -> None:
    served.do(served.contracts.requests.new_request(LOCAL_ADMIN, NewRequest(caps={}, priority=8)))
    served.settle()
    options = ["--after", "0", "--worker", "lab", "--request", "1"]
    with ended(stage.start("events", *options)) as process:
        assert process.stdout is not None
        assert "request.started" in process.stdout.readline(), "the first of both"
        process.send_signal(signal.SIGINT)
        finish(process)
    assert served.queries() == [f"request=1&worker={uuid_of(1)}"]


def test_of_a_request_that_is_not_there(boruta: Boruta) -> None:
    assert "request 99: Request not found" in boruta("events", "--request", "99", status=1).err


def test_of_a_worker_that_is_not_there(boruta: Boruta) -> None:
    assert "there is no worker 'lab'" in boruta("events", "--worker", "lab", status=1).err
