from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from boruta_farm.cli.words import caps_text, count, waiting_line, wanted_text, worker_state_text
from boruta_farm.contracts import Explanation, Holder
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Fence, Worker, WorkerState

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
REQUEST = Request(
    id=4,
    owner="",
    owner_groups=None,
    priority=8,
    valid_after=NOW,
    deadline=NOW + timedelta(days=30),
    state=RequestState.WAITING,
    caps={"board": "rpi4"},
    created=NOW,
)
HOLDER = Holder(
    worker="u", name="lab-rpi4", request_id=3, owner="ann", until=NOW + timedelta(minutes=125)
)
EXPLANATION = Explanation(
    request_id=4,
    state="WAITING",
    position=2,
    matching={"RUNNING": 1},
    holders=(HOLDER,),
    text="",
)


@pytest.fixture(autouse=True)
def zone(utc: None) -> None:
    """Let the local zone be UTC."""


def test_who_holds_what_is_waited_for() -> None:
    line = waiting_line(REQUEST, EXPLANATION, NOW)
    assert line == "waiting: position 2, lab-rpi4 held by ann until 14:05"


def test_several_holders_and_one_without_a_name() -> None:
    nameless = replace(HOLDER, owner="")
    line = waiting_line(REQUEST, replace(EXPLANATION, holders=(nameless, HOLDER, HOLDER)), NOW)
    assert line == "waiting: position 2, lab-rpi4 held by request 3 until 14:05 and 2 more"


def test_nobody_holds_them_but_they_cannot_be_had() -> None:
    found = replace(EXPLANATION, holders=(), matching={"MAINTENANCE": 2, "FAILED": 1})
    line = waiting_line(REQUEST, found, NOW)
    assert line == "waiting: position 2, matching workers: 1 FAILED, 2 MAINTENANCE"


def test_no_worker_could_ever_serve_it() -> None:
    found = replace(EXPLANATION, holders=(), matching={}, position=None)
    assert waiting_line(REQUEST, found, NOW) == "waiting: no registered worker has board=rpi4"


def test_it_is_too_early() -> None:
    later = replace(REQUEST, valid_after=NOW + timedelta(hours=1))
    assert ", not before 13:00, " in waiting_line(later, EXPLANATION, NOW)


def test_capabilities() -> None:
    assert caps_text({"UUID": "u", "b": "2", "a": "1"}) == "a=1 b=2"
    wants = replace(REQUEST, caps={"UUID": "u", "a": "1"})
    assert wanted_text(wants) == "UUID=u a=1"
    assert wanted_text(replace(wants, selector="ram >= 2")) == "UUID=u a=1, ram >= 2"
    assert wanted_text(replace(wants, caps=None, selector="ram >= 2")) == "ram >= 2"
    assert wanted_text(replace(wants, caps=None)) == "any board"


def test_worker_states() -> None:
    worker = Worker(
        uuid="u",
        name="lab",
        state=WorkerState.RUNNING,
        since=NOW,
        caps={},
        groups=(),
        epoch=1,
        fence=Fence.AGENT,
        dryad_address="",
        ssh_address="",
        port=1,
        registered=NOW,
    )
    assert worker_state_text(worker) == "RUNNING"
    both = replace(worker, unreachable_since=NOW, after_job=True)
    assert worker_state_text(both) == "RUNNING (unreachable, then MAINTENANCE)"


def test_counts() -> None:
    assert (count(1, "request"), count(2, "request")) == ("1 request", "2 requests")
