import json
import re
from datetime import timedelta

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from tests.cli.stage import Boruta
from tests.client.serving import Served, uuid_of


@pytest.fixture(autouse=True)
def past(boruta: Boruta, served: Served) -> None:
    """Lend two boards: one job is closed, one fails, one goes on; what never ran is no history."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    served.board(2, "lab-rpi3", caps={"board": "rpi3"})
    boruta("new", "-c", "board=rpi4")
    boruta("new", "-c", "board=rpi4")
    boruta("close", "2")
    boruta("close", "1")
    boruta("new", "-c", "board=rpi3")
    boruta("acquire", "3")  # or the request would go back to the queue
    served.fail(2, "power cut")
    served.settle()
    boruta("new", "-c", "board=rpi4")


def test_what_was_lent_the_newest_first(boruta: Boruta) -> None:
    head, *lines = boruta("history").lines
    assert head.split() == ["ID", "OWNER", "WORKER", "LENT", "LASTED", "STATE", "REASON", "WANTS"]
    assert [line.split()[0] for line in lines] == ["4", "3", "1"]
    assert re.search(r"lab-rpi4  \d\d:\d\d  \d+s so far  IN PROGRESS", lines[0])
    assert re.search(r"lab-rpi3  \d\d:\d\d  \d+s +FAILED +.*power cut +board=rpi3", lines[1])
    assert re.search(r"lab-rpi4  \d\d:\d\d  \d+s +DONE +closed +board=rpi4", lines[2])


def test_it_is_filtered_as_other_lists_are(boruta: Boruta) -> None:
    assert boruta("history", "lab-rpi4", "-o", "ids").out == "4\n1\n"
    assert boruta("history", "--state", "failed", "-o", "ids").out == "3\n"
    assert boruta("history", "lab-rpi4", "-s", "state = DONE", "-o", "ids").out == "1\n"
    assert boruta("history", "--columns", "id,worker", "--limit", "1").lines[1] == "4   lab-rpi4"
    assert "2 older ones are not shown" in boruta("history", "--limit", "1").err
    records = json.loads(boruta("history", "lab-rpi3", "-o", "json").out)
    assert [record["Job"]["WorkerUUID"] for record in records] == [uuid_of(2)]
    told = boruta("history", "-s", "board =", status=1).err
    assert "\n  board =\n" in told
    assert "there is no worker 'lab-rpi9'" in boruta("history", "lab-rpi9", status=1).err


def test_a_board_that_is_gone_is_told_by_its_uuid(boruta: Boruta, served: Served) -> None:
    served.do(served.contracts.workers.deregister(LOCAL_ADMIN, uuid_of(2)))
    assert uuid_of(2) in boruta("history", "--state", "failed").out


def test_what_was_removed_by_the_settings_is_told(boruta: Boruta, served: Served) -> None:
    assert "kept any more" not in boruta("history").err
    served.do(_later(served, timedelta(days=500)))
    assert served.do(served.contracts.history_cutter.cut())
    told = "finished requests, the newest of them 3, are not kept any more"
    assert f"boruta: 3 {told}" in boruta("history").err
    assert told in boruta("ls", "--all").err
    assert "kept any more" not in boruta("ls").err
    assert boruta("show", "1", status=1).err == (
        "boruta: request 1: it was finished long ago and is not kept any more; what became of it, "
        "an admin finds by: boruta audit --subject 'request 1'\n"
    )
    assert "history.cut" in boruta("audit", "--action", "history.cut").out


async def _later(served: Served, by: timedelta) -> None:
    served._lab.simulated.clock.step(by)
