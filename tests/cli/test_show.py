"""A request whose board is made ready, as people see it."""

import json

import pytest

from tests.cli.stage import Boruta, sent
from tests.client.serving import Served

URL = "https://images.example/a.img"
WISH = ("--image", URL, "--storage", "sd", "--boot-until", "login: $")
TOOLS = {"tool.image.sd": "yes", "tool.boot": "yes"}


@pytest.fixture
def readying(boruta: Boruta, served: Served) -> str:
    """Have a board be made ready for a request; return its UUID."""
    uuid = served.board(1, "lab-rpi4", caps=TOOLS)
    served.slow(1)
    assert boruta("new", *WISH).out == "1\n"
    served.do(served.contracts.reports.progressed(uuid, 1, "sd: writing, 1 MB of 2 MB"))
    return uuid


def test_what_is_wanted_is_sent(boruta: Boruta, served: Served) -> None:
    told = boruta("new", *WISH).err
    assert "no registered board has power and console to boot it by or leave to fetch" in told
    wanted = {key: sent(served)[key] for key in ("Image", "Storage", "BootUntil")}
    assert wanted == {"Image": URL, "Storage": "sd", "BootUntil": "login: $"}
    assert "at most 2000" in boruta("new", "--image", "https://a/" + "b" * 2000, status=1).err


def test_show_and_ls_tell_how_far_it_has_come(readying: str, boruta: Boruta) -> None:
    facts = dict(line.split("  ", 1) for line in boruta("show", "1").lines)
    told = {name: fact.strip() for name, fact in facts.items()}
    assert told["State"] == "WAITING"
    assert told["Image"] == f"{URL} into sd"
    assert told["Boot until"] == "login: $"
    assert told["Worker"] == "lab-rpi4"
    assert told["Progress"] == "sd: writing, 1 MB of 2 MB"
    assert told["Why"] == "lab-rpi4 is being made ready for it: sd: writing, 1 MB of 2 MB"
    assert "Until" not in told
    (line,) = boruta("ls").lines[1:]
    assert "lab-rpi4" in line
    assert "its board is made ready: sd: writing, 1 MB of 2 MB" in line
    record = json.loads(boruta("show", "1", "-o", "json").out)
    assert record["Readying"]["WorkerUUID"] == readying
    assert record["Job"] is None
    assert boruta("explain", "1").lines == [
        "Request 1: lab-rpi4 is being made ready for it: sd: writing, 1 MB of 2 MB"
    ]


def test_show_tells_how_it_failed(readying: str, boruta: Boruta, served: Served) -> None:
    lines = ("U-Boot 2023.01", "Panic")
    served.do(served.contracts.reports.unready(readying, 1, "no prompt", lines))
    told = boruta("show", "1").out
    assert "lab-rpi4 was not made ready: no prompt; its console ended with: U-Boot" in told
    assert "Progress" in told
    assert "At most until" not in told


def test_once_it_runs_it_looks_as_any_other(readying: str, boruta: Boruta, served: Served) -> None:
    served.do(served.contracts.reports.readied(readying, 1))
    told = boruta("show", "1").out
    assert "IN PROGRESS" in told
    assert "At most until" in told
    assert "Progress" not in told


def test_with_an_id_nothing_is_filed(boruta: Boruta) -> None:
    for option in (WISH[:2], WISH[2:4], WISH[4:]):
        assert "with an ID nothing is filed" in boruta("ssh", "1", *option, status=2).err
        assert "--again knows what is wanted" in boruta("ssh", "--again", *option, status=2).err


def test_a_server_that_would_lend_it_as_it_is_is_told_apart(boruta: Boruta, served: Served) -> None:
    served.board(1, "lab-rpi4", caps=TOOLS)
    served.slow(1)
    record = {"ID": 1, "State": "WAITING", "Priority": 8, "Caps": {}, "Job": None}
    moments = {"Deadline": "2026-12-23T20:07:42Z", "ValidAfter": "2026-11-23T20:07:42Z"}
    owner = {"Owner": {"Groups": None}}
    served.answers["reqs/1"] = [(200, {**record, **moments, **owner})]
    told = boruta("new", *WISH, status=1).err
    assert "this server is older and makes no board ready" in told
    assert str(served.requests()[1]) == "CANCELLED"
