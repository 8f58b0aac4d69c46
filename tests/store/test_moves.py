"""What a job's life changes, and nothing else, is written in short."""

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from boruta_farm.model.declared import Field, declared
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.store.base import Transaction
from boruta_farm.store.codec import Codec
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.rows import REQUEST, WORKER
from tests.store.making import (
    START,
    changing,
    creating,
    full,
    make_job,
    make_request,
    make_worker,
    reading,
    registering,
)

Moved = TypeVar("Moved")

LATER = START + timedelta(seconds=1)


STORED = [field for field in declared(Request) if field.stored.kept]


@pytest.mark.parametrize("field", STORED, ids=lambda field: field.name)
def test_every_change_of_a_request_is_written_or_told(field: Field) -> None:
    tell(REQUEST, make_request(), full(Request), field)


@pytest.mark.parametrize("field", declared(Worker), ids=lambda field: field.name)
def test_every_change_of_a_worker_is_written_or_told(field: Field) -> None:
    tell(WORKER, make_worker(), full(Worker), field)


def tell(codec: Codec[Moved], before: Moved, other: Moved, field: Field) -> None:
    """Change one field and see whether it is written in short, as it says."""
    after: Moved = replace(before, **{field.name: getattr(other, field.name)})  # type: ignore[type-var]  # a record
    assert before != after
    assert codec.row(before) != codec.row(after)
    written = codec.move(before) != codec.move(after)
    assert written == codec.only_moved(before, after) == (field.stored.moves or field.stored.key)
    assert len(codec.move(after)) == len(codec.moves)


async def test_a_move_is_stored_as_it_was_made(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    number = await store.execute(creating())
    other = full(Worker)
    moving = {f.name: getattr(other, f.name) for f in declared(Worker) if f.stored.moves}
    moved_worker: Worker = replace(worker, **{**moving, "revision": 2})

    def move(tx: Transaction, now: object) -> None:
        tx.save_worker(moved_worker, EventKind.WORKER_STATE)

    await store.execute(move)
    moved = await store.execute(
        changing(
            number,
            state=RequestState.FAILED,
            finished=LATER,
            reason="why",
            orphaned_since=LATER,
            job=make_job(number, moved_worker),
        )
    )
    assert await store.get_worker(worker.uuid) == moved_worker
    assert await store.get_request(number) == moved
    assert await store.execute(reading(lambda tx: tx.worker(worker.uuid))) == moved_worker


async def test_moves_and_other_changes_come_in_one_batch(store: DatabaseStore) -> None:
    workers = [make_worker(number) for number in (1, 2)]

    def register(tx: Transaction, now: object) -> None:
        for worker in workers:
            tx.save_worker(worker, EventKind.WORKER_REGISTERED)

    await store.execute(register)
    moved: Worker = replace(workers[0], state=WorkerState.RUNNING, revision=2)
    renamed: Worker = replace(workers[1], name="other", revision=2)

    def change(tx: Transaction, now: object) -> None:
        tx.save_worker(moved, EventKind.WORKER_STATE)
        tx.save_worker(renamed, EventKind.WORKER_CHANGED)

    await store.execute(change)
    assert [await store.get_worker(worker.uuid) for worker in workers] == [moved, renamed]
