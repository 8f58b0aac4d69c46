"""`boruta explain` prints what the server found out, as people read it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from boruta_farm.cli.explain import lines
from boruta_farm.cli.tables import as_json
from boruta_farm.cli.words import waiting_line
from boruta_farm.client.farm import Farm
from boruta_farm.model.explanation import Absent, Cause, Explanation, Forecast, Holder
from boruta_farm.web.answers import told
from tests.cli.stage import Boruta
from tests.client.serving import Served
from tests.matching.naive import make_request

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOLDERS = tuple(
    Holder(
        worker=str(number),
        name=f"lab-{number}",
        request_id=number,
        owner=owner,
        until=NOON + timedelta(hours=number),
    )
    for number, owner in ((1, "ann"), (2, None))
)
ABSENT = Absent(worker="9", name="lab-9", state="FAILED", reason=None)
FOUND = Explanation(
    request_id=7,
    state="WAITING",
    position=2,
    matching={"RUNNING": 2},
    holders=HOLDERS,
    text="2 boards match: 2 running; position 2 (priority)",
    cause=Cause.QUEUE,
    lacking={"hdmi=yes": 3, "arch=arm": 1},
    other_groups=4,
    nearest="lab-9 has no hdmi",
    changes=("one thing", "another"),
    policy="priority, then order of filing",
    decided="priority",
    forecast=Forecast(earliest=NOON, latest=NOON, hits=43, of=50),
)


@dataclass
class Clocked:
    """A farm of which only the time is asked."""

    def now(self) -> datetime:
        return NOON


FARM = cast("Farm", Clocked())


@pytest.mark.usefixtures("utc")
def test_everything_found_out_has_its_line() -> None:
    assert lines(FARM, FOUND) == [
        "Request 7 waits: others come first",
        "  Why           2 boards match: 2 running",
        "                position 2 (priority)",
        "  Other boards  1 without arch=arm, 3 without hdmi=yes, 4 serving other groups",
        "  Nearest miss  lab-9 has no hdmi",
        "  Held          lab-1 until 13:00 by request 1 of ann",
        "                lab-2 until 14:00 by request 2",
        "  Forecasts     86% of the last 50 starts came within the range told",
        "  Would help    one thing",
        "                another",
        "  Order         priority, then order of filing",
    ]


def test_the_record_is_that_of_the_api() -> None:
    several = replace(FOUND, absent=(ABSENT, ABSENT))
    assert json.loads(as_json(several)) == json.loads(told(several))


def test_a_farm_that_is_starting_says_so_and_nothing_else() -> None:
    starting = replace(FOUND, cause=Cause.STARTING, text="still reading", matching={}, holders=())
    assert waiting_line(make_request(7), starting, NOON) == "waiting: still reading"


def test_a_request_that_does_not_wait_takes_one_line() -> None:
    running = replace(FOUND, cause=Cause.NONE, text="the request has lab-1 until 13:00 UTC")
    assert lines(FARM, running) == ["Request 7: the request has lab-1 until 13:00 UTC"]


def test_few_starts_tell_nothing_of_forecasts() -> None:
    assert FOUND.forecast is not None
    few = replace(FOUND, forecast=replace(FOUND.forecast, hits=3, of=3))
    assert not any("Forecasts" in line for line in lines(FARM, few))


def test_the_verb_asks_the_server(boruta: Boruta, served: Served) -> None:
    served.do(lambda farm: farm.add_worker(1, "lab-rpi4", caps={"board": "rpi4"}))
    boruta("new", "-c", "board=rpi4")
    boruta("new", "-c", "board=rpi4")
    assert boruta("explain", "2").out == "Request 2: waits for its turn\n"
    assert json.loads(boruta("explain", "2", "-o", "json").out)["Position"] == 1
    assert boruta("explain", "9", status=1).err == "boruta: Request not found\n"


def test_following_ends_when_the_request_does_not_wait_any_more(
    boruta: Boruta, served: Served
) -> None:
    served.do(lambda farm: farm.add_worker(1, "lab-rpi4", caps={"board": "rpi4"}))
    boruta("new", "-c", "board=rpi4")
    assert boruta("explain", "1", "--follow").lines == ["Request 1: waits for its turn"]
