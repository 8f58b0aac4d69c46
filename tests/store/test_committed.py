"""What the writer remembers from one batch to the next is what the database holds."""

from dataclasses import replace
from datetime import datetime

import pytest

from boruta_farm.model.errors import StaleProposalError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.listing import Paginator, RequestFilter, Sorter
from boruta_farm.model.request import Request, RequestState
from boruta_farm.store.base import Transaction
from boruta_farm.store.committed import OWNERS_KEPT, Committed
from boruta_farm.store.database import DatabaseStore
from tests.store.farms import Farm, SqliteKind
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
        known.keep_current(make_request(number))
    assert [known.request(number) is not None for number in (1, 2, 3)] == [True, False, True]


def test_another_revision_is_not_known() -> None:
    known, request = Committed(), make_request(1, revision=3)
    known.keep(request)
    assert known.get(1, 3) is request
    assert known.get(1, 2) is None
    assert known.get(1, 4) is None
    assert known.get(2, 3) is None


def test_what_was_read_late_replaces_nothing_newer() -> None:
    known, newer = Committed(), make_request(1, revision=3)
    known.take(1, [newer], [], {})
    known.keep(make_request(1, revision=2))
    known.keep(make_request(1, revision=3))
    assert known.request(1) is newer
    known.keep(make_request(1, revision=4))
    assert known.request(1) is None, "somebody else wrote it"
    assert known.get(1, 4) is not None


def test_a_change_by_somebody_else_leaves_nothing_current() -> None:
    known, request = Committed(alone=True), make_request()
    known.as_of(5)
    known.keep_current(request)
    known.as_of(5)
    assert known.request(1) is known.current(1) is request
    known.as_of(6)
    assert known.request(1) is known.current(1) is None
    assert known.get(1, request.revision) is request


def test_a_job_saved_by_itself_makes_its_request_forgotten() -> None:
    known = Committed()
    job = make_job(1, make_worker())
    request = make_request(1, job=job)
    known.take(1, [request], [job], {})
    assert known.request(1) is request
    known.take(2, [], [replace(job, phase=JobPhase.ENDED)], {})
    assert known.get(1, request.revision) is None


def test_a_worker_that_is_gone_is_not_known() -> None:
    known, worker = Committed(), make_worker()
    known.take(1, [], [], {worker.uuid: worker})
    known.take(2, [], [], {worker.uuid: None})
    assert not known.workers


def test_what_was_read_is_current_until_it_is_written() -> None:
    known, first, second = Committed(alone=True), make_request(1), make_request(2)
    for request in (first, second):
        known.keep(request, known.mark())
    assert known.current(1) is first
    changed = make_request(1, revision=2)
    known.take(1, [changed], [], {})
    assert known.current(1) is changed
    assert known.current(2) is second


def test_what_was_read_before_a_commit_and_kept_after_it_is_not_current() -> None:
    known = Committed(alone=True)
    mark = known.mark()
    known.take(1, [], [], {})
    known.keep(make_request(1), mark)
    assert known.current(1) is None
    assert known.get(1, 1) is not None


def test_what_was_read_before_a_commit_of_unknown_outcome_is_not_current() -> None:
    known = Committed(alone=True)
    mark = known.mark()
    known.forget()
    known.keep(make_request(1), mark)
    assert known.current(1) is None


def test_nothing_is_current_for_readers_where_other_servers_write() -> None:
    known, request = Committed(), make_request(1)
    known.keep(request, known.mark())
    assert known.request(1) is None
    known.take(1, [request], [], {})
    assert known.current(1) is None
    assert known.request(1) is request


async def listed(store: DatabaseStore) -> tuple[Request, ...]:
    return (await store.list_requests(RequestFilter(), Sorter(), Paginator())).items


async def test_what_was_written_is_what_reads_and_lists_show(store: DatabaseStore) -> None:
    number = await store.execute(creating())
    first = await store.get_request(number)
    assert first is not None
    assert await store.get_request(number) is first
    assert (await listed(store))[0] is first


async def test_a_change_is_seen_at_once(store: DatabaseStore) -> None:
    number = await store.execute(creating())
    await store.get_request(number)
    changed = await store.execute(changing(number, priority=1))
    assert await store.get_request(number) == changed
    assert await listed(store) == (changed,)


async def test_a_job_is_seen_at_once(store: DatabaseStore) -> None:
    number = await store.execute(creating())
    worker = make_worker()
    await store.execute(registering(worker))
    await listed(store)
    job = await store.execute(granting(number, worker.uuid))
    found = await store.get_request(number)
    assert found is not None
    assert found.job == job
    assert await listed(store) == (found,)


async def test_a_list_reads_what_is_new_and_keeps_its_order(farm: Farm) -> None:
    writing = await farm.open()
    for _ in range(5):
        await writing.execute(creating())
    changed = await writing.execute(changing(2, priority=1))
    store = await farm.open()
    for number in (4, 2):
        await store.get_request(number)
    items = await listed(store)
    assert [request.id for request in items] == [1, 2, 3, 4, 5]
    assert items[1] == changed
    assert items == await listed(writing)


async def test_what_the_server_itself_knows_leaves_the_database_alone(farm: Farm) -> None:
    if not isinstance(farm.kind, SqliteKind):
        pytest.skip("other servers may write to PostgreSQL at any time")
    store = await farm.open()
    numbers = [await store.execute(creating()) for _ in range(2)]
    known = [await store.get_request(number) for number in numbers]
    farm.fetch("DELETE FROM requests")
    assert [await store.get_request(number) for number in numbers] == known
    assert None not in known
    assert await store.get_request(3) is None


async def test_what_another_server_wrote_is_seen(farm: Farm) -> None:
    first, second = await farm.open(), await farm.open()
    number = await first.execute(creating())
    await second.execute(changing(number, priority=3))
    assert await first.execute(reading(lambda tx: _priority(tx, number))) == 3
    await first.execute(finishing(number))
    state = await second.execute(reading(lambda tx: _state(tx, number)))
    assert state is RequestState.CANCELLED


async def test_a_refused_command_leaves_what_was_known(store: DatabaseStore) -> None:
    number = await store.execute(creating())
    with pytest.raises(StaleProposalError):
        await store.execute(saving(make_request(number, revision=7, priority=1)))
    assert await store.execute(reading(lambda tx: _priority(tx, number))) == 8


async def test_a_job_is_seen_as_it_was_saved_last(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    number = await store.execute(creating())
    job = await store.execute(granting(number, worker.uuid))
    over = replace(job, phase=JobPhase.ENDED, ended=job.granted)

    def end(tx: Transaction, now: datetime) -> None:
        tx.save_job(over)
        tx.note_worker(worker, EventKind.WORKER_DISPUTED, "a test")

    await store.execute(end)
    found = await store.execute(reading(lambda tx: tx.request(number)))
    assert found is not None
    assert found.job == over
    assert found == await store.get_request(number)


def _priority(tx: Transaction, number: int) -> int | None:
    request = tx.request(number)
    return None if request is None else request.priority


def _state(tx: Transaction, number: int) -> RequestState | None:
    request = tx.request(number)
    return None if request is None else request.state


async def test_what_an_owner_has_waiting_is_known_as_requests_come_go_and_are_refused(
    farm: Farm,
) -> None:
    store, other = await farm.open(), await farm.open()
    size = reading(lambda tx: tx.waiting_size("ann"))
    assert await store.execute(size) == 0
    number = await store.execute(creating(owner="ann", size=5))
    assert await store.execute(size) == 5
    await other.execute(creating(owner="ann", size=7))
    assert await store.execute(size) == 12
    await store.execute(finishing(number))
    with pytest.raises(StaleProposalError):
        await store.execute(saving(make_request(2, revision=7, owner="ann", size=9)))
    assert await store.execute(size) == await other.execute(size) == 7


def test_only_so_many_owners_are_remembered() -> None:
    known = Committed()
    for number in range(OWNERS_KEPT + 1):
        known.keep_backlog(f"owner-{number}", number)
    assert known.backlogs == {f"owner-{OWNERS_KEPT}": OWNERS_KEPT}


async def test_ports_are_known_as_workers_come_move_and_go(farm: Farm) -> None:
    store, other = await farm.open(), await farm.open()
    free = reading(lambda tx: tx.free_port())
    first = make_worker(0)
    assert await store.execute(free) == 20000
    await store.execute(registering(first))
    assert await store.execute(free) == 20001
    await other.execute(registering(make_worker(1)))
    assert await store.execute(free) == 20002
    moved = replace(first, port=20002, revision=2)

    def leave(tx: Transaction, now: datetime) -> None:
        tx.remove_worker(make_worker(1), EventKind.WORKER_DEREGISTERED)

    await store.execute(registering(moved))
    assert await store.execute(free) == 20000
    await store.execute(leave)
    assert await store.execute(reading(lambda tx: tx.free_port(20000))) == 20001
