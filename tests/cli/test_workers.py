import json

import httpx
import pytest

from boruta_farm.cli import workers
from boruta_farm.cli.tables import Listing, fitting
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.worker import WorkerState
from tests.cli.stage import Boruta
from tests.client.serving import Served, uuid_of


@pytest.fixture(autouse=True)
def boards(boruta: Boruta, served: Served) -> None:
    """Register two boards, of which the first is lent."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4", "arch": "arm"})
    served.board(2, "lab-rpi3", state=WorkerState.MAINTENANCE)
    boruta("new", "-c", "board=rpi4")


def test_workers(boruta: Boruta, served: Served) -> None:
    served.do(
        served.contracts.workers.set_state(
            LOCAL_ADMIN, uuid_of(2), WorkerState.MAINTENANCE, "new\x1b[31m card"
        )
    )
    lines = boruta("workers").lines
    assert lines[0].split()[:4] == ["NAME", "STATE", "SINCE", "CAPABILITIES"]
    assert lines[0].split()[4:] == ["TOOLS", "HELD", "REASON", "FENCE", "LABELS"]
    assert lines[1].startswith("lab-rpi4  RUNNING")
    assert "arch=arm board=rpi4         request 1 until " in lines[1]
    assert uuid_of(1) not in lines[1]
    assert lines[2].rstrip().endswith("new?[31m card  agent"), "a server cannot steer the terminal"


def test_workers_for_scripts(boruta: Boruta, served: Served) -> None:
    assert boruta("workers", "-o", "ids").lines == [uuid_of(1), uuid_of(2)]
    assert boruta("workers", "-c", "board=rpi4", "-o", "ids").lines == [uuid_of(1)]
    records = json.loads(boruta("workers", "-o", "json").out)
    assert records == httpx.get(f"{served.address}/api/v1/workers/").json()
    assert [record["Name"] for record in records] == ["lab-rpi4", "lab-rpi3"]


def test_filters_reach_the_server(boruta: Boruta, served: Served) -> None:
    boruta("workers", "--state", "idle", "--group", "ci")
    assert served.bodies("workers/list")[-1]["Filter"] == {"Groups": ["ci"], "States": ["IDLE"]}


def test_workers_are_sorted_and_limited(boruta: Boruta, served: Served) -> None:
    boruta("workers", "--sort", "name", "--limit", "1")
    bodies = served.bodies("workers/list")
    assert bodies[-1]["Sorter"] == {"Item": "name", "Order": "ascending"}
    assert bodies[-1]["Paginator"]["Limit"] == 1


def test_show_by_name_uuid_and_prefix(boruta: Boruta) -> None:
    for name in ("lab-rpi3", uuid_of(2), "LAB-RPI3", " lab-rpi3 ", "Lab-rpi3"):
        assert "UUID          " + uuid_of(2) in boruta("worker", "show", name).out
    running = boruta("worker", "show", "lab-rpi4").out
    assert "Held          request 1 until" in running
    assert json.loads(boruta("worker", "show", "lab-rpi4", "-o", "json").out)["Epoch"] == 1


def test_names_that_are_none_or_many(boruta: Boruta) -> None:
    words = boruta("worker", "show", "lab", status=1).err
    assert words == "boruta: 'lab' could be lab-rpi3, lab-rpi4; write more of the name\n"
    words = boruta("worker", "show", "lba-rpi4", status=1).err
    assert "did you mean lab-rpi4" in words
    assert "see: boruta workers" in boruta("worker", "show", "x", status=1).err
    assert "there is no worker ''" in boruta("worker", "show", "", status=1).err


def test_why_a_board_is_away_comes_before_its_tools(
    boruta: Boruta, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.board(3, "lab-rpi5", caps={"tool.power": "yes", "tool.video": "yes"})
    served.do(
        served.contracts.workers.set_state(
            LOCAL_ADMIN, uuid_of(2), WorkerState.MAINTENANCE, "new SD card"
        )
    )
    shown: list[Listing] = []
    monkeypatch.setattr(workers, "print_listing", lambda listing, *_: shown.append(listing))
    boruta("workers")
    [listing] = shown
    places = fitting(listing, listing.rows, 90)
    headers = [listing.headers[place] for place in places]
    assert "Reason" in headers
    assert "Tools" not in headers
