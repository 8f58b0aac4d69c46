"""What a job's life changes, and nothing else, is written in short."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from boruta_farm.model.events import EventKind
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import Fence, Reach, Worker, WorkerState
from boruta_farm.store.base import Transaction
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.moves import (
    REQUEST_MOVES,
    WORKER_MOVES,
    request_move,
    request_only_moved,
    worker_move,
    worker_only_moved,
)
from tests.store.making import (
    START,
    changing,
    creating,
    make_job,
    make_request,
    make_worker,
    reading,
    registering,
)

LATER = START + timedelta(seconds=1)

REQUEST_CHANGES: dict[str, object] = {
    "id": 2,
    "owner": "ann",
    "owner_groups": frozenset({"a"}),
    "priority": 9,
    "valid_after": LATER,
    "deadline": LATER,
    "state": RequestState.DONE,
    "caps": {"arch": "x86"},
    "selector": "arch = x86",
    "created": LATER,
    "revision": 2,
    "ssh_key": "ssh-rsa",
    "keep_alive": 60,
    "orphaned_since": LATER,
    "finished": LATER,
    "reason": "why",
    "job": make_job(1, make_worker()),
}
WORKER_CHANGES: dict[str, object] = {
    "uuid": "another",
    "name": "other",
    "state": WorkerState.RUNNING,
    "since": LATER,
    "caps": {"arch": "x86"},
    "groups": ("a",),
    "epoch": 2,
    "fence": Fence.NONE,
    "dryad_address": "192.0.2.2:7175",
    "ssh_address": "192.0.2.2:22",
    "port": 20002,
    "registered": LATER,
    "revision": 2,
    "reason": "why",
    "username": "user",
    "host_key": "ssh-ed25519",
    "boot_id": "boot",
    "credential": "c",
    "credential_since": LATER,
    "next_credential": "n",
    "asked_name": "asked",
    "after_job": True,
    "idle_again": True,
    "unreachable_since": LATER,
    "facts": {"model": "x"},
    "recoveries": (LATER,),
    "reach": Reach.OUTBOUND,
}


@pytest.mark.parametrize("name", [field.name for field in fields(make_request())])
def test_every_change_of_a_request_is_written_or_told(name: str) -> None:
    before = make_request(1)
    after = make_request(1, **{name: REQUEST_CHANGES[name]})
    assert before != after
    written = request_move(before) != request_move(after)
    assert written == request_only_moved(before, after)


@pytest.mark.parametrize("name", [field.name for field in fields(make_worker())])
def test_every_change_of_a_worker_is_written_or_told(name: str) -> None:
    before = make_worker(1)
    after = make_worker(1, **{name: WORKER_CHANGES[name]})
    assert before != after
    written = worker_move(before) != worker_move(after)
    assert written == worker_only_moved(before, after)


def test_rows_have_a_value_for_each_column() -> None:
    assert len(request_move(make_request())) == len(REQUEST_MOVES)
    assert len(worker_move(make_worker())) == len(WORKER_MOVES)


async def test_a_move_is_stored_as_it_was_made(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.run(registering(worker))
    number = await store.run(creating())
    moved_worker = replace(
        worker,
        revision=2,
        **{name: WORKER_CHANGES[name] for name in ("state", "since", "epoch", "reason")},  # type: ignore[arg-type]  # a test names the fields
    )
    moved_worker = replace(
        moved_worker,
        username="user",
        host_key="ssh-ed25519",
        after_job=True,
        idle_again=True,
        unreachable_since=LATER,
    )

    def move(tx: Transaction, now: object) -> None:
        tx.save_worker(moved_worker, EventKind.WORKER_STATE)

    await store.run(move)
    moved = await store.run(
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
    assert await store.run(reading(lambda tx: tx.worker(worker.uuid))) == moved_worker


async def test_moves_and_other_changes_come_in_one_batch(store: DatabaseStore) -> None:
    workers = [make_worker(number) for number in (1, 2)]

    def register(tx: Transaction, now: object) -> None:
        for worker in workers:
            tx.save_worker(worker, EventKind.WORKER_REGISTERED)

    await store.run(register)
    moved: Worker = replace(workers[0], state=WorkerState.RUNNING, revision=2)
    renamed: Worker = replace(workers[1], name="other", revision=2)

    def change(tx: Transaction, now: object) -> None:
        tx.save_worker(moved, EventKind.WORKER_STATE)
        tx.save_worker(renamed, EventKind.WORKER_CHANGED)

    await store.run(change)
    assert [await store.get_worker(worker.uuid) for worker in workers] == [moved, renamed]
