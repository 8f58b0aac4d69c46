import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.stage import Boruta, Stage, ended, finish
from tests.client.fakes import uuid_of
from tests.client.serving import Served


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with a board."""
    served.do(lambda farm: farm.add_worker(1, "lab-rpi4"))
    stage = Stage(tmp_path, served.address)
    yield stage
    stage.close()


def follow(stage: Stage, served: Served, *arguments: str) -> tuple[int, list[str], str]:
    """Follow events while a worker fails and a connection breaks, until Ctrl-C."""
    with ended(stage.start("events", *arguments)) as process:
        served.wait_for(lambda farm: len(farm.streams) == 1)
        served.do(lambda farm: farm.set_worker(uuid_of(1), "FAILED"))
        served.do(lambda farm: farm.send(None))
        served.wait_for(lambda farm: len(farm.queries) == 2)
        served.do(lambda farm: farm.tell("request.finished", Request=7, State="DONE", Reason="x"))
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip("\n") for _ in range(2)]
        process.send_signal(signal.SIGINT)
        outcome = finish(process)
    return outcome.status, lines, outcome.err


def test_events_for_people(stage: Stage, served: Served) -> None:
    status, lines, err = follow(stage, served)
    assert lines[0][8:] == "  worker.state          lab-rpi4  FAILED"
    assert lines[1][8:] == "  request.finished      request 7  DONE  (x)"
    assert "the server ended the stream of events; trying again" in err
    assert "Traceback" not in err
    assert status == 130


def test_columns_of_events(stage: Stage, served: Served) -> None:
    _, lines, _ = follow(stage, served, "--columns", "request,kind,worker")
    assert lines == ["-  worker.state  lab-rpi4", "7  request.finished  -"]


def test_events_for_scripts(stage: Stage, served: Served) -> None:
    _, lines, _ = follow(stage, served, "-o", "jsonl")
    assert [json.loads(line) for line in lines] == served.farm.journal
    assert lines[0].startswith('{"Number": 1, ')


def test_filters_and_start(stage: Stage, served: Served) -> None:
    served.do(lambda farm: farm.set_worker(uuid_of(1), "BUSY"))
    options = ["--after", "0", "--worker", "lab", "--request", "3", "-o", "ids"]
    with ended(stage.start("events", *options)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        process.send_signal(signal.SIGINT)
        finish(process)
    assert served.farm.queries == [f"request=3&worker={uuid_of(1)}"]


def test_of_a_worker_that_is_not_there(boruta: Boruta) -> None:
    assert "there is no worker 'lab'" in boruta("events", "--worker", "lab", status=1).err
