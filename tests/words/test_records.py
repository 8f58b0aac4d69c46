"""Requests and workers in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.words.counts import count
from boruta_farm.words.request import note, wanted_text
from boruta_farm.words.times import Times
from boruta_farm.words.worker import caps_text, state_text

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REQUEST = Request(
    id=4,
    owner="",
    owner_groups=None,
    priority=8,
    valid_after=NOW,
    deadline=NOW + 30 * 24 * HOUR,
    state=RequestState.WAITING,
    caps={"board": "rpi4"},
    created=NOW,
)


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
    assert state_text(worker) == "RUNNING"
    both = replace(worker, unreachable_since=NOW, after_job=True)
    assert state_text(both) == "RUNNING (unreachable, then MAINTENANCE)"
    wrong = replace(worker, facts={"Clock": "93 s behind the farm's"})
    assert state_text(wrong) == "RUNNING (clock wrong)"


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (REQUEST, ""),
        (replace(REQUEST, valid_after=NOW + HOUR), "not before 13:00 UTC"),
        (replace(REQUEST, deadline=NOW + 2 * HOUR), "gives up at 14:00 UTC"),
        (
            replace(REQUEST, orphaned_since=NOW - HOUR),
            "no registered board fits since 11:00 UTC",
        ),
        (replace(REQUEST, state=RequestState.DONE, reason="closed"), "closed"),
    ],
)
def test_what_is_to_be_known_beside_the_state(request_: Request, told: str) -> None:
    assert note(request_, Times(now=NOW)) == told


def test_counts() -> None:
    assert (count(1, "request"), count(2, "request")) == ("1 request", "2 requests")
