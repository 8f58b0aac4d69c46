"""People read why they wait."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core.explain import Finding
from boruta_farm.core.matching import Index
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from tests.core.naive import START, make_request, make_worker

HOUR = timedelta(hours=1)
ARM = {"arch": "arm"}


def holding(request: Request, worker: str, end: timedelta) -> Request:
    """Return the request with a LIVE job on a worker."""
    job = Job(
        request_id=request.id,
        worker=worker,
        epoch=3,
        phase=JobPhase.LIVE,
        granted=START,
        timeout=START + end,
        limit=START + 24 * HOUR,
    )
    return replace(request, state=RequestState.IN_PROGRESS, job=job)


def find(request: Request, *records: Request | Worker) -> Finding:
    """Explain a request in a farm of these records."""
    index = Index()
    for record in (request, *records):
        if isinstance(record, Request):
            index.put_request(record)
        else:
            index.put_worker(record)
    return index.explain(request, START)


def test_boards_by_state_the_first_to_be_free_and_the_position() -> None:
    finding = find(
        make_request(9, ARM),
        make_worker("01", ARM, state=WorkerState.RUNNING),
        make_worker("02", ARM, state=WorkerState.MAINTENANCE),
        holding(make_request(1, ARM), "01", HOUR),
        make_request(2, ARM),
        make_request(3, {}),
    )
    assert finding.text == (
        "2 boards match: 1 running until 13:00 UTC (lab-01, held by ann), 1 in maintenance; "
        "position 3"
    )
    assert finding.position == 3
    assert finding.matching == {"RUNNING": 1, "MAINTENANCE": 1}
    (holder,) = finding.holders
    assert (holder.worker, holder.name, holder.request_id) == ("01", "lab-01", 1)
    assert (holder.owner, holder.until) == ("ann", START + HOUR)


def test_of_several_running_boards_the_earliest_is_named_and_ten_are_listed() -> None:
    records: list[Request | Worker] = []
    for number in range(12):
        uuid = f"{number:02}"
        records.append(make_worker(uuid, ARM, state=WorkerState.RUNNING))
        end = timedelta(hours=30 - number)
        records.append(holding(make_request(number + 1, ARM), uuid, end))
    finding = find(make_request(99, ARM), *records)
    assert "12 running - the first until 2026-01-02 07:00 UTC (lab-11, held by ann)" in finding.text
    assert [holder.worker for holder in finding.holders] == [f"{n:02}" for n in range(11, 1, -1)]


@pytest.mark.parametrize(
    ("caps", "groups", "text"),
    [
        ({"hdmi": "yes"}, None, "no registered board has hdmi=yes"),
        ({"arch": "arm", "hdmi": "yes"}, None, "no registered board has hdmi=yes"),
        ({"arch": "arm", "usb": "3"}, None, "no registered board has all of arch=arm, usb=3"),
        (
            {"usb": "3"},
            ["ci", "qa"],
            "1 board has what is asked for, but none serves the owner's groups (ci, qa)",
        ),
        (
            {"usb": "3"},
            [],
            "1 board has what is asked for, but none serves the owner's groups (none)",
        ),
    ],
)
def test_what_is_missing_is_named(
    caps: dict[str, str], groups: list[str] | None, text: str
) -> None:
    finding = find(
        make_request(1, caps, groups=groups),
        make_worker("01", ARM),
        make_worker("02", {"usb": "3"}, groups=("lab",)),
    )
    assert finding.text == text
    assert finding.matching == {}
    assert finding.position == 1


def test_an_empty_farm_says_so() -> None:
    assert find(make_request(1)).text == "no board is registered"


def test_a_request_that_is_not_yet_valid_tells_from_when_on_it_is() -> None:
    request = make_request(2, ARM, valid_after=START + HOUR)
    finding = find(request, make_worker("01", ARM, state=WorkerState.FAILED), make_request(1, ARM))
    assert finding.text == "1 board matches: 1 failed; not before 13:00 UTC; position 2"


def test_those_not_yet_valid_are_not_counted_before_others() -> None:
    request = make_request(2, ARM)
    finding = find(request, make_worker("01", ARM), make_request(1, ARM, valid_after=START + HOUR))
    assert finding.position == 1


def test_those_who_compete_for_no_common_board_are_not_counted() -> None:
    finding = find(
        make_request(3, ARM),
        make_worker("01", ARM),
        make_worker("02", {"usb": "3"}),
        make_request(1, {"usb": "3"}),
        make_request(2, {"none": "such"}),
    )
    assert finding.position == 1


def test_running_opening_and_finished_requests_have_words_of_their_own() -> None:
    worker = make_worker("01", ARM, state=WorkerState.RUNNING)
    held = holding(make_request(1, ARM), "01", HOUR)
    assert find(held, worker).text == "the request has lab-01 until 13:00 UTC"
    assert held.job is not None
    opening = replace(
        held, state=RequestState.WAITING, job=replace(held.job, phase=JobPhase.OPENING)
    )
    assert find(opening, worker).text == "lab-01 is being opened for this request"
    ended = replace(held.job, phase=JobPhase.ENDED)
    done = replace(held, state=RequestState.FAILED, job=ended, reason="the board failed")
    assert find(done, worker).text == "the request is FAILED: the board failed"
    assert find(done, worker).position is None
