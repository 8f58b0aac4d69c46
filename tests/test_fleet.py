"""The fleet knows every worker, who holds it, and whose agent is linked."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, cast

import pytest

from boruta_farm.clock import VirtualClock
from boruta_farm.feed import Feed
from boruta_farm.fleet import Fleet
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.store.base import Snapshot
from boruta_farm.testing.boards import SimulatedBoards
from tests.boards.lab import Lab, play
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
    """A fleet that begins with two workers, the first one held by request 7."""

    def __init__(self) -> None:
        self.touched: list[str] = []
        clock = VirtualClock(START)
        self.fleet = Fleet(cast("Feed", None), SimulatedBoards(clock), clock)
        self.fleet.listen(self.touched.extend)
        self.begin([held(7, "a"), make_request(8)], make_worker("a"), make_worker("b"))

    def begin(self, requests: list[Request], *workers: Worker) -> None:
        self.touched.clear()
        self.fleet.begin(Snapshot(number=1, requests=requests, workers=workers), 0)

    def fold(self, *changes: Change) -> list[str]:
        """Fold changes and return the workers touched by them."""
        self.touched.clear()
        self.fleet.fold(changes)
        return self.touched

    def holders(self) -> dict[str, int]:
        return {uuid: request.id for uuid, request in self.fleet.holders.items()}


def test_it_begins_with_every_worker_touched() -> None:
    followed = Followed()
    assert set(followed.fleet.workers) == {"a", "b"}
    assert set(followed.touched) == {"a", "b"}
    assert followed.holders() == {"a": 7}


def test_it_forgets_what_a_new_snapshot_does_not_hold() -> None:
    followed = Followed()
    before = followed.fleet.generation
    followed.begin([make_request(7)], make_worker("b"))
    assert set(followed.fleet.workers) == {"b"}
    assert followed.touched == ["a", "b"], "who is gone is told too"
    assert followed.holders() == {}
    assert followed.fleet.generation > before
    assert followed.fold(change(make_request(7))) == []


def test_it_follows_workers() -> None:
    followed = Followed()
    moved = make_worker("b", state=WorkerState.FAILED)
    assert followed.fold(change(moved), change(make_worker("c"))) == ["b", "c"]
    assert followed.fleet.workers["b"] is moved
    assert followed.fold(change(moved, EventKind.WORKER_DEREGISTERED)) == ["b"]
    assert set(followed.fleet.workers) == {"a", "c"}


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


def test_a_batch_is_told_once_with_its_outcome() -> None:
    followed = Followed()
    over = change(held(7, "a", JobPhase.ENDED))
    assert followed.fold(over, change(make_worker("a")), change(held(8, "a"))) == ["a"]
    assert followed.holders() == {"a": 8}


def test_who_listens_later_is_told_of_every_board_and_who_left_of_none() -> None:
    followed, later = Followed(), list[str]()
    followed.fleet.listen(later.extend)
    assert set(later) == {"a", "b"}
    followed.fleet.forget(later.extend)
    later.clear()
    followed.fold(change(make_worker("b")))
    assert later == []


def test_a_job_of_another_epoch_holds_no_worker() -> None:
    followed = Followed()
    worker = make_worker("a")
    assert followed.fleet.job(replace(worker, epoch=3)) is not None
    assert followed.fleet.job(replace(worker, epoch=4)) is None


def test_links_come_and_go_and_are_known_since(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        fleet, told = lab.farm.fleet, list[str]()
        first = fleet.link(board.uuid)
        assert first is not None
        await lab.settle(60)
        assert fleet.link(board.uuid) is first
        assert first.since < lab.clock.now()
        fleet.listen(told.extend)
        told.clear()
        lab.disconnect(board.uuid)
        assert fleet.link(board.uuid) is None
        await lab.settle(1)
        assert told == [board.uuid]
        back = lab.clock.now()
        await lab.connect(board)
        await lab.settle(1)
        again = fleet.link(board.uuid)
        assert again is not None
        assert again is not first
        assert again.since == back
        assert board.uuid in told[1:]

    play(tmp_path, script)


def test_who_fails_while_being_told_ends_alone(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        def fail(uuids: Collection[str]) -> NoReturn:
            raise ValueError(*uuids)

        failing = asyncio.create_task(lab.farm.fleet.tell(fail))
        board = await lab.ready()
        with pytest.raises(ValueError, match=board.uuid):
            await failing
        await lab.lend()

    play(tmp_path, script)
