"""What the writer remembers from one batch to the next is what the database holds."""

from dataclasses import replace
from datetime import datetime

import pytest

from boruta_farm.model.errors import StaleProposalError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import RequestState
from boruta_farm.store.base import Transaction
from boruta_farm.store.committed import Committed
from boruta_farm.store.database import DatabaseStore
from tests.store.farms import Farm
from tests.store.making import (
    changing,
    creating,
    finishing,
    granting,
    make_job,
    make_request,
    make_worker,
    reading,
    registering,
    saving,
)


def test_only_so_many_records_are_remembered() -> None:
    known = Committed(kept=2)
    for number in (1, 2, 1, 3):
        known.keep_request(make_request(number))
        known.keep_worker(make_worker(number))
    assert list(known.requests) == [1, 3]
    assert len(known.workers) == 2


def test_a_change_by_somebody_else_makes_everything_forgotten() -> None:
    known = Committed()
    known.as_of(5)
    known.keep_request(make_request())
    known.as_of(5)
    assert known.requests
    known.as_of(6)
    assert not known.requests


def test_a_job_saved_by_itself_makes_its_request_forgotten() -> None:
    known = Committed()
    job = make_job(1, make_worker())
    request = make_request(1, job=job)
    known.take(1, [request], [job], {})
    assert known.requests == {1: request}
    known.take(2, [], [replace(job, phase=JobPhase.ENDED)], {})
    assert not known.requests


def test_a_worker_that_is_gone_is_not_known() -> None:
    known, worker = Committed(), make_worker()
    known.take(1, [], [], {worker.uuid: worker})
    known.take(2, [], [], {worker.uuid: None})
    assert not known.workers


async def test_what_another_server_wrote_is_seen(farm: Farm) -> None:
    first, second = await farm.open(), await farm.open()
    number = await first.run(creating())
    await second.run(changing(number, priority=3))
    assert await first.run(reading(lambda tx: _priority(tx, number))) == 3
    await first.run(finishing(number))
    state = await second.run(reading(lambda tx: _state(tx, number)))
    assert state is RequestState.CANCELLED


async def test_a_refused_command_leaves_what_was_known(store: DatabaseStore) -> None:
    number = await store.run(creating())
    with pytest.raises(StaleProposalError):
        await store.run(saving(make_request(number, revision=7, priority=1)))
    assert await store.run(reading(lambda tx: _priority(tx, number))) == 8


async def test_a_job_is_seen_as_it_was_saved_last(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.run(registering(worker))
    number = await store.run(creating())
    job = await store.run(granting(number, worker.uuid))
    over = replace(job, phase=JobPhase.ENDED, ended=job.granted)

    def end(tx: Transaction, now: datetime) -> None:
        tx.save_job(over)
        tx.note_worker(worker, EventKind.WORKER_DISPUTED, "a test")

    await store.run(end)
    found = await store.run(reading(lambda tx: tx.request(number)))
    assert found is not None
    assert found.job == over
    assert found == await store.get_request(number)


def _priority(tx: Transaction, number: int) -> int | None:
    request = tx.request(number)
    return None if request is None else request.priority


def _state(tx: Transaction, number: int) -> RequestState | None:
    request = tx.request(number)
    return None if request is None else request.state


async def test_ports_are_known_as_workers_come_move_and_go(farm: Farm) -> None:
    store, other = await farm.open(), await farm.open()
    free = reading(lambda tx: tx.free_port())
    first = make_worker(0)
    assert await store.run(free) == 20000
    await store.run(registering(first))
    assert await store.run(free) == 20001
    await other.run(registering(make_worker(1)))
    assert await store.run(free) == 20002
    moved = replace(first, port=20002, revision=2)

    def leave(tx: Transaction, now: datetime) -> None:
        tx.remove_worker(make_worker(1), EventKind.WORKER_DEREGISTERED)

    await store.run(registering(moved))
    assert await store.run(free) == 20000
    await store.run(leave)
    assert await store.run(reading(lambda tx: tx.free_port(20000))) == 20001
