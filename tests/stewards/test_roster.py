"""The roster knows every worker and who holds it."""

from dataclasses import replace
from datetime import timedelta

from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.stewards.roster import Roster
from boruta_farm.store.base import Snapshot
from tests.matching.naive import START, make_request, make_worker

HOUR = timedelta(hours=1)


def held(request_id: int, uuid: str, phase: JobPhase = JobPhase.LIVE) -> Request:
    job = Job(
        request_id=request_id,
        worker=uuid,
        epoch=3,
        phase=phase,
        granted=START,
        timeout=START + HOUR,
        limit=START + HOUR,
    )
    return replace(make_request(request_id), state=RequestState.IN_PROGRESS, job=job)


def change(record: Request | Worker, kind: EventKind = EventKind.WORKER_STATE) -> Change:
    event = Event(number=1, at=START, kind=kind)
    if isinstance(record, Request):
        return Change(event=event, request=record)
    return Change(event=event, worker=record)


class Followed:
    """A roster that begins with two workers, the first one held by request 7."""

    def __init__(self) -> None:
        self.touched: list[str] = []
        self.roster = Roster(self.touched.append)
        self.begin([held(7, "a"), make_request(8)], make_worker("a"), make_worker("b"))

    def begin(self, requests: list[Request], *workers: Worker) -> None:
        self.touched.clear()
        self.roster.begin(Snapshot(number=1, requests=requests, workers=workers))

    def fold(self, *changes: Change) -> list[str]:
        """Fold changes and return the workers touched by them."""
        self.touched.clear()
        self.roster.fold(changes)
        return self.touched

    def holders(self) -> dict[str, int]:
        return {uuid: request.id for uuid, request in self.roster.holders.items()}


def test_it_begins_with_every_worker_touched() -> None:
    followed = Followed()
    assert set(followed.roster.workers) == {"a", "b"}
    assert set(followed.touched) == {"a", "b"}
    assert followed.holders() == {"a": 7}


def test_it_forgets_what_a_new_snapshot_does_not_hold() -> None:
    followed = Followed()
    before = followed.roster.generation
    followed.begin([make_request(7)], make_worker("b"))
    assert set(followed.roster.workers) == {"b"}
    assert followed.holders() == {}
    assert followed.roster.generation > before
    assert followed.fold(change(make_request(7))) == []


def test_it_follows_workers() -> None:
    followed = Followed()
    moved = make_worker("b", state=WorkerState.FAILED)
    assert followed.fold(change(moved), change(make_worker("c"))) == ["b", "c"]
    assert followed.roster.workers["b"] is moved
    assert followed.fold(change(moved, EventKind.WORKER_DEREGISTERED)) == ["b"]
    assert set(followed.roster.workers) == {"a", "c"}


def test_it_follows_who_holds_what() -> None:
    followed = Followed()
    assert followed.fold(change(held(8, "b", JobPhase.OPENING))) == ["b"]
    assert followed.holders() == {"a": 7, "b": 8}
    assert followed.fold(change(held(7, "a", JobPhase.ENDED))) == ["a"]
    assert followed.holders() == {"b": 8}
    assert followed.fold(change(make_request(8))) == ["b"]
    assert followed.holders() == {}


def test_a_requeued_request_moves_on_to_another_worker() -> None:
    followed = Followed()
    assert followed.fold(change(held(7, "b"))) == ["a", "b"]
    assert followed.holders() == {"b": 7}


def test_the_end_of_an_earlier_holder_does_not_touch_the_next_one() -> None:
    followed = Followed()
    followed.fold(change(held(8, "a")), change(held(7, "a", JobPhase.ENDED)))
    assert followed.holders() == {"a": 8}


def test_requests_without_a_job_touch_nobody() -> None:
    assert Followed().fold(change(make_request(9))) == []
