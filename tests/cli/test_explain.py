"""`boruta explain` prints what the server found out, as people read it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from boruta_farm.cli.explain import lines
from boruta_farm.cli.tables import as_json
from boruta_farm.client.wire import read
from boruta_farm.model.explanation import (
    AbsentWorker,
    Cause,
    Explanation,
    Forecast,
    Guess,
    JobLimit,
    Lack,
    NearMiss,
    WorkerHolder,
)
from boruta_farm.model.standing import Standing, Subject
from boruta_farm.web.answers import explained, told
from boruta_farm.words.explanation import headline, line
from boruta_farm.words.times import Times
from tests.cli.stage import Boruta
from tests.client.serving import Served

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOLDERS = tuple(
    WorkerHolder(
        worker=str(number),
        name=f"lab-{number}",
        request_id=number,
        owner=owner,
        until=NOON + timedelta(hours=number),
    )
    for number, owner in ((1, "ann"), (2, None))
)
FOUND = Explanation(
    request_id=7,
    state="WAITING",
    position=2,
    matching={"RUNNING": 2},
    holders=HOLDERS,
    cause=Cause.QUEUE,
    lacking={"hdmi=yes": 3, "arch=arm": 1},
    other_groups=4,
    without={"hdmi=yes": 1},
    near_miss=NearMiss(
        worker="9",
        name="lab-9",
        lacks=(Lack(name="hdmi", wanted="hdmi=yes", has=None),),
    ),
    policy="priority, then order of filing",
    decided="priority",
    forecast=Forecast(earliest=NOON, latest=NOON, hits=43, of=50),
)
TIMES = Times(now=NOON, zone=None, distance=True)


@pytest.mark.usefixtures("utc")
def test_of_a_uuid_only_that_it_is_one_is_told() -> None:
    found = replace(FOUND, lacking={"UUID=5f2b": 2}, without={"UUID=5f2b": 2}, other_groups=0)
    told = lines(found, TIMES)
    assert "  Other boards  2 without this UUID" in told
    assert "  Would help    without this UUID: 2 more boards would match" in told
    assert line(found, TIMES).endswith("; 2 are others")


@pytest.mark.usefixtures("utc")
def test_everything_found_out_has_its_line() -> None:
    assert lines(FOUND, TIMES) == [
        "Request 7 waits: others come first",
        "  Why           position 2 (priority)",
        "                2 boards match: 2 running (first lab-1, held by ann until 13:00, in 1h)",
        "                expected start within a minute",
        "  Other boards  1 without arch=arm, 3 without hdmi=yes, 4 serving other groups",
        "  Nearest miss  lab-9 has no hdmi",
        "  Held          lab-1 until 13:00, in 1h by request 1 of ann",
        "                lab-2 until 14:00, in 2h by request 2",
        "  Forecasts     86% of the last 50 starts came within the range told",
        "  Would help    without hdmi=yes: 1 more board would match",
        "  Order         priority, then order of filing",
    ]


def test_the_record_is_that_of_the_api() -> None:
    absent = AbsentWorker(
        worker="9", name="lab-9", state="FAILED", reason=None, unreachable_since=NOON
    )
    several = replace(
        FOUND,
        absent=(absent, absent),
        guesses=(Guess(given="hdmy", meant=("hdmi",)),),
        limit=JobLimit(kind="owner", name="ann", held=1, allowed=1),
        groups=("ci",),
        not_before=NOON,
    )
    running = Standing(
        subject=Subject.REQUEST, state="IN PROGRESS", request_id=7, longest=timedelta(hours=1)
    )
    for found in (several, replace(FOUND, state="IN PROGRESS", standing=running)):
        answer = json.loads(told(explained(found, NOON)))
        assert json.loads(as_json(read(Explanation, answer))) == answer


def test_a_farm_that_is_starting_says_so_and_nothing_else() -> None:
    starting = Explanation(request_id=7, state="WAITING", cause=Cause.STARTING)
    told = "the farm has just started and is still reading its queue; ask again soon"
    assert headline(starting, TIMES) == f"waiting: {told}"
    assert lines(starting, TIMES) == [f"Request 7: {told}"]


@pytest.mark.usefixtures("utc")
def test_a_request_that_does_not_wait_takes_one_line() -> None:
    standing = Standing(
        subject=Subject.REQUEST,
        state="IN PROGRESS",
        request_id=7,
        worker="lab-1",
        until=NOON + timedelta(hours=1),
    )
    running = Explanation(request_id=7, state="IN PROGRESS", standing=standing)
    assert lines(running, TIMES) == ["Request 7: it has lab-1 until 13:00, in 1h"]


def test_few_starts_tell_nothing_of_forecasts() -> None:
    assert FOUND.forecast is not None
    few = replace(FOUND, forecast=replace(FOUND.forecast, hits=3, of=3))
    assert not any("Forecasts" in line for line in lines(few, TIMES))


def test_the_verb_asks_the_server(boruta: Boruta, served: Served) -> None:
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    boruta("new", "-c", "board=rpi4")
    boruta("new", "-c", "board=rpi4")
    told = boruta("explain", "2").lines
    assert told[0] == "Request 2 waits: boards are busy"
    assert told[1] == "  Why    position 1"
    assert told[-1] == "  Order  priority, then order of filing"
    assert json.loads(boruta("explain", "2", "-o", "json").out)["Position"] == 1
    missing = boruta("explain", "9", status=1).err
    assert missing == "boruta: request 9: Request not found; see: boruta ls --all\n"


def test_following_ends_when_the_request_does_not_wait_any_more(
    boruta: Boruta, served: Served
) -> None:
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    boruta("new", "-c", "board=rpi4")
    (line,) = boruta("explain", "1", "--follow").lines
    assert line.startswith("Request 1: it has lab-rpi4 until ")
