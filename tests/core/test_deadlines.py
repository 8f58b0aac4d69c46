"""Every time at which something must be done, and none that is over."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.core.deadlines import Deadlines, Due, DueKind
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState
from tests.matching.naive import START, make_request, make_worker
from tests.matching.test_loading import told_in_brief

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
SETTINGS = FarmSettings()


def running(request: Request, **changes: object) -> Request:
    """Return the request with a LIVE job of one hour."""
    job = Job(
        request_id=request.id,
        worker="01",
        epoch=3,
        phase=JobPhase.LIVE,
        granted=START,
        timeout=START + HOUR,
        limit=START + 24 * HOUR,
    )
    job = replace(job, **changes)  # type: ignore[arg-type]  # fields named by the tests
    state = RequestState.WAITING if job.phase is JobPhase.OPENING else RequestState.IN_PROGRESS
    return replace(request, state=state, job=job)


def only(deadlines: Deadlines, now: datetime) -> tuple[DueKind, datetime]:
    """Return kind and time of the one item that is due."""
    (item,) = deadlines.due(now)
    return item.kind, item.at


def test_a_waiting_request_is_due_at_its_deadline_exactly() -> None:
    deadlines = Deadlines(SETTINGS)
    deadlines.put_request(make_request(1, deadline=START + HOUR))
    assert deadlines.next_due() == START + HOUR
    assert deadlines.due(START + HOUR - timedelta(microseconds=1)) == ()
    assert deadlines.due(START + HOUR) == (
        Due(kind=DueKind.REQUEST_DEADLINE, at=START + HOUR, request_id=1),
    )


def test_a_job_is_due_two_seconds_and_200_ppm_after_its_timeout() -> None:
    """The agent ends it first; the share is of the job's whole length, prolongations included."""
    deadlines = Deadlines(SETTINGS)
    deadlines.put_request(running(make_request(1), timeout=START + 10 * HOUR))
    end = START + 10 * HOUR + timedelta(seconds=2 + 36000 * 0.0002)
    assert only(deadlines, START + 11 * HOUR) == (DueKind.JOB_END, end)


def test_a_job_may_lapse_before_it_ends() -> None:
    deadlines = Deadlines(SETTINGS)
    deadlines.put_request(running(make_request(1), keep_alive_until=START + 30 * SECOND))
    assert only(deadlines, START + 30 * SECOND) == (DueKind.KEEP_ALIVE, START + 30 * SECOND)


def test_an_opening_job_is_due_after_ten_seconds_and_its_deadline_still_counts() -> None:
    deadlines = Deadlines(SETTINGS)
    request = make_request(1, deadline=START + 11 * SECOND)
    deadlines.put_request(running(request, phase=JobPhase.OPENING))
    kinds = [item.kind for item in deadlines.due(START + 12 * SECOND)]
    assert kinds == [DueKind.OPENING, DueKind.REQUEST_DEADLINE]


def test_an_orphan_is_due_after_ten_minutes() -> None:
    deadlines = Deadlines(SETTINGS)
    deadlines.put_request(replace(make_request(1), orphaned_since=START))
    ten = START + timedelta(minutes=10)
    assert only(deadlines, ten) == (DueKind.ORPHANED, ten)
    deadlines.put_request(make_request(1))
    assert deadlines.due(ten + HOUR) == ()


def test_a_worker_is_due_in_prepare_and_busy_only() -> None:
    deadlines = Deadlines(SETTINGS)
    late = START + timedelta(minutes=5)
    for state in WorkerState:
        deadlines.put_worker(make_worker("01", state=state))
        items = deadlines.due(late)
        if state in (WorkerState.PREPARE, WorkerState.BUSY):
            assert items == (Due(kind=DueKind.WORKER_STATE, at=late, worker="01"),)
        else:
            assert items == ()
    assert len(deadlines) == 1
    gone = make_worker("01", state=WorkerState.BUSY)
    event = Event(number=1, at=START, kind=EventKind.WORKER_DEREGISTERED)
    deadlines.fold(Change(event=event, worker=gone))
    assert deadlines.next_due() is None


def test_a_change_settles_what_was_due() -> None:
    deadlines = Deadlines(SETTINGS)
    request = make_request(1, deadline=START)
    deadlines.put_request(request)
    event = Event(number=1, at=START, kind=EventKind.REQUEST_FINISHED)
    deadlines.fold(Change(event=event, request=replace(request, state=RequestState.TIMEOUT)))
    assert deadlines.due(START + HOUR) == ()
    assert len(deadlines) == 0


def test_an_unsettled_item_comes_again_after_a_second_and_not_before() -> None:
    deadlines = Deadlines(SETTINGS)
    deadlines.put_request(make_request(1, deadline=START))
    deadlines.put_worker(make_worker("01", state=WorkerState.PREPARE))
    now = START + HOUR
    assert len(deadlines.due(now)) == 2
    assert deadlines.due(now + 0.9 * SECOND) == ()
    assert deadlines.next_due() == now + SECOND
    assert len(deadlines.due(now + SECOND)) == 2
    assert len(deadlines) == 2


def test_batches_are_bounded_and_the_earliest_comes_first() -> None:
    deadlines = Deadlines(SETTINGS)
    for number in range(600):
        deadlines.put_request(make_request(number + 1, deadline=START + number * SECOND))
    now = START + HOUR
    batches = []
    while items := deadlines.due(now):
        batches.append(items)
    assert [len(batch) for batch in batches] == [256, 256, 88]
    assert [item.request_id for batch in batches for item in batch] == list(range(1, 601))


STATES = st.sampled_from(
    [
        None,
        RequestState.WAITING,
        JobPhase.OPENING,
        JobPhase.LIVE,
        RequestState.DONE,
    ]
)


@given(
    st.lists(st.tuples(st.integers(1, 4), STATES, st.integers(0, 50)), max_size=30),
    st.integers(0, 60),
)
def test_what_is_due_is_what_a_scan_finds(
    steps: list[tuple[int, RequestState | JobPhase | None, int]], seconds: int
) -> None:
    """Whatever happened before, the last state of each request alone decides."""
    deadlines = Deadlines(SETTINGS)
    expected: dict[int, set[tuple[DueKind, datetime]]] = {}
    for number, state, after in steps:
        at = START + after * SECOND
        request = make_request(number, deadline=at)
        if state is JobPhase.OPENING:
            request = running(request, phase=state, granted=at)
            due = {(DueKind.REQUEST_DEADLINE, at), (DueKind.OPENING, at + 10 * SECOND)}
        elif state is JobPhase.LIVE:
            request = running(request, granted=at, timeout=at, keep_alive_until=at)
            due = {(DueKind.KEEP_ALIVE, at), (DueKind.JOB_END, at + 2 * SECOND)}
        elif state is RequestState.DONE:
            request, due = replace(request, state=state), set()
        else:
            due = {(DueKind.REQUEST_DEADLINE, at)}
        deadlines.put_request(request)
        expected[number] = due
    now = START + seconds * SECOND
    found = {(item.request_id, item.kind, item.at) for item in deadlines.due(now)}
    assert found == {
        (number, kind, at) for number, due in expected.items() for kind, at in due if at <= now
    }
    assert len(deadlines) == sum(map(len, expected.values()))


@given(st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=6))
def test_what_is_told_in_brief_falls_due_at_the_same_times(
    waiting: list[tuple[int, bool]],
) -> None:
    requests = [
        replace(
            make_request(number, deadline=START + seconds * SECOND),
            orphaned_since=START if orphaned else None,
        )
        for number, (seconds, orphaned) in enumerate(waiting, 1)
    ]
    one_by_one, in_brief = Deadlines(SETTINGS), Deadlines(SETTINGS)
    for request, told in zip(requests, told_in_brief(requests), strict=True):
        one_by_one.put_request(request)
        in_brief.put_waiting(told)
    later = START + HOUR
    assert in_brief.due(later) == one_by_one.due(later)
    for request in requests:
        in_brief.put_request(replace(request, state=RequestState.CANCELLED))
    assert len(in_brief) == 0
