"""What a command sees, saves and undoes."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from boruta_farm.model.errors import (
    RequestStateError,
    StaleProposalError,
    TransitionError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import SessionKey
from boruta_farm.store.base import Transaction
from boruta_farm.store.database import DatabaseStore
from tests.store.farms import Farm
from tests.store.making import (
    HOUR,
    START,
    HandClock,
    changing,
    creating,
    ending,
    granting,
    make_job,
    make_request,
    make_worker,
    reading,
    registering,
    saving,
)


async def test_reads_see_earlier_changes_of_the_same_command(store: DatabaseStore) -> None:
    worker = make_worker()

    def decide(tx: Transaction, now: datetime) -> None:
        assert tx.worker(worker.uuid) is None
        assert tx.worker_named("board-1") is None
        tx.save_worker(worker, EventKind.WORKER_REGISTERED)
        assert tx.worker(worker.uuid) == worker
        assert tx.worker_named("board-1") == worker
        number = tx.next_request_id()
        assert tx.next_request_id() == number
        job = make_job(number, worker, phase=JobPhase.OPENING)
        request = make_request(number, job=job)
        tx.save_request(request, EventKind.REQUEST_CREATED)
        assert tx.next_request_id() == number + 1
        assert tx.holder(worker.uuid) == request
        tx.save_job(replace(job, phase=JobPhase.ENDED, ended=now))
        assert tx.holder(worker.uuid) is None
        assert tx.session_key(worker.uuid, 1) is None
        tx.save_key(SessionKey(worker=worker.uuid, epoch=1, public="ssh-rsa", sealed=b"\0x"))
        assert tx.session_key(worker.uuid, 1) is not None
        tx.erase_key(worker.uuid, 1)
        assert tx.session_key(worker.uuid, 1) is None

    await store.execute(decide)


async def test_reads_see_committed_records(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    number = await store.execute(creating())
    job = await store.execute(granting(number, worker.uuid))

    def decide(tx: Transaction, now: datetime) -> None:
        held = tx.holder(worker.uuid)
        assert held is not None
        assert (held.id, held.job) == (number, job)
        named = tx.worker_named("board-1")
        assert named is not None
        assert named.revision == 2
        assert tx.holder("nobody") is None
        assert tx.request(99) is None
        assert tx.settings == FarmSettings()

    await store.execute(decide)


async def test_a_refused_command_undoes_itself_alone(store: DatabaseStore) -> None:
    def refused(tx: Transaction, now: datetime) -> None:
        creating()(tx, now)
        tx.save_worker(make_worker(), EventKind.WORKER_REGISTERED)
        tx.save_key(SessionKey(worker="x", epoch=1, public="p", sealed=None))
        tx.remember_creation("admin", "k", "h", 7)
        raise RequestStateError

    results = await asyncio.gather(
        store.execute(creating()),
        store.execute(refused),
        store.execute(creating()),
        return_exceptions=True,
    )
    assert results[0] == 1
    assert isinstance(results[1], RequestStateError)
    assert results[2] == 2, "a refused command uses no id up"
    assert await store.get_worker("board-1") is None
    assert await store.get_session_key("x", 1) is None
    assert await store.execute(reading(lambda tx: tx.remembered_creation("admin", "k"))) is None
    assert [event.number for event in await store.events(0, 10)] == [1, 2]


async def test_an_unexpected_error_reaches_its_caller_alone(store: DatabaseStore) -> None:
    def broken(tx: Transaction, now: datetime) -> None:
        creating()(tx, now)
        raise ZeroDivisionError("a fault in a command")

    results = await asyncio.gather(
        store.execute(broken), store.execute(creating()), return_exceptions=True
    )
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1] == 1


async def test_ids_are_never_reused(farm: Farm) -> None:
    store = await farm.open()
    assert [await store.execute(creating()) for _ in range(3)] == [1, 2, 3]
    store = await farm.reopen()
    assert await store.execute(creating()) == 4
    with pytest.raises(TransitionError, match="used before"):
        await store.execute(
            lambda tx, now: tx.save_request(make_request(2), EventKind.REQUEST_CREATED)
        )
    assert await store.execute(creating()) == 5


async def test_a_save_must_follow_the_stored_revision(store: DatabaseStore) -> None:
    number = await store.execute(creating())
    stored = await store.execute(changing(number, priority=3))
    for revision in (2, 4):
        with pytest.raises(StaleProposalError, match="request 1 is at revision 2"):
            await store.execute(saving(replace(stored, revision=revision)))
    with pytest.raises(StaleProposalError):
        await store.execute(registering(make_worker(revision=2)))
    await store.execute(registering(make_worker()))
    with pytest.raises(StaleProposalError):
        await store.execute(registering(make_worker()))


async def test_removed_workers_leave_their_epoch(store: DatabaseStore, farm: Farm) -> None:
    worker = make_worker(epoch=41)

    def remove(tx: Transaction, now: datetime) -> None:
        stored = tx.worker(worker.uuid)
        assert stored is not None
        tx.remove_worker(stored, EventKind.WORKER_DEREGISTERED)
        assert tx.worker(worker.uuid) is None
        assert tx.worker_named(worker.name) is None

    await store.execute(registering(worker))
    assert await store.execute(reading(lambda tx: tx.remembered_epoch(worker.uuid))) == 0
    await store.execute(remove)
    assert await store.get_worker(worker.uuid) is None
    with pytest.raises(StaleProposalError, match="not registered"):
        await store.execute(lambda tx, now: tx.remove_worker(worker, EventKind.WORKER_DEREGISTERED))
    await store.execute(registering(replace(worker, epoch=3)))
    await store.execute(remove)
    store = await farm.reopen()
    assert await store.execute(reading(lambda tx: tx.remembered_epoch(worker.uuid))) == 41


async def test_a_worker_is_removed_and_reborn_in_one_command(store: DatabaseStore) -> None:
    worker = make_worker()
    other = make_worker(2, name="board-1", port=worker.port)

    def decide(tx: Transaction, now: datetime) -> None:
        tx.remove_worker(worker, EventKind.WORKER_DEREGISTERED)
        tx.save_worker(other, EventKind.WORKER_REGISTERED)
        tx.save_worker(replace(worker, name="again", port=20099), EventKind.WORKER_REGISTERED)
        assert tx.worker_named("board-1") == other
        assert tx.worker_named("again") is not None

    await store.execute(registering(worker))
    await store.execute(decide)
    assert await store.get_worker("board-1") == other
    reborn = await store.get_worker(worker.uuid)
    assert reborn is not None
    assert (reborn.name, reborn.revision) == ("again", 1)


async def test_names_pass_from_one_worker_to_another(store: DatabaseStore) -> None:
    first, second = make_worker(1, name="a"), make_worker(2, name="b")
    await store.execute(registering(first))
    await store.execute(registering(second))

    def rename(tx: Transaction, now: datetime) -> None:
        tx.save_worker(replace(first, name="c", revision=2), EventKind.WORKER_CHANGED)
        tx.save_worker(replace(second, name="a", revision=2), EventKind.WORKER_CHANGED)
        tx.save_worker(replace(first, name="d", revision=3), EventKind.WORKER_CHANGED)
        named = tx.worker_named("a")
        assert named is not None
        assert named.uuid == second.uuid
        assert tx.worker_named("b") is None

    await store.execute(rename)
    assert [
        worker and worker.uuid for worker in [await store.get_worker(n) for n in ("a", "b", "d")]
    ] == [second.uuid, None, first.uuid]


async def test_free_ports_are_the_lowest_that_nobody_has(farm: Farm) -> None:
    store = await farm.open(FarmSettings(tunnel_ports=(20001, 20004)))

    def decide(tx: Transaction, now: datetime) -> list[int | None]:
        found = [tx.free_port()]
        tx.save_worker(make_worker(3), EventKind.WORKER_REGISTERED)
        tx.remove_worker(make_worker(2), EventKind.WORKER_DEREGISTERED)
        found += [tx.free_port(), tx.free_port(after=2), tx.free_port(after=20002)]
        tx.save_worker(make_worker(4), EventKind.WORKER_REGISTERED)
        return [*found, tx.free_port(after=20002)]

    for number in (1, 2):
        await store.execute(registering(make_worker(number)))
    assert await store.execute(decide) == [20003, 20002, 20002, 20004, None]


async def test_creations_are_remembered_for_their_time(farm: Farm, clock: HandClock) -> None:
    settings = FarmSettings(idempotency_kept=HOUR)
    store = await farm.open(settings)

    def remember(tx: Transaction, now: datetime) -> object:
        tx.remember_creation("ann", "k1", "hash", 1)
        return tx.remembered_creation("ann", "k1"), tx.remembered_creation("bob", "k1")

    ask = reading(lambda tx: tx.remembered_creation("ann", "k1"))
    assert await store.execute(remember) == (("hash", 1), None)
    store = await farm.reopen(settings)
    clock.advance(HOUR - timedelta(microseconds=1))
    assert await store.execute(ask) == ("hash", 1)
    clock.advance(timedelta(microseconds=1))
    assert await store.execute(ask) is None
    await store.execute(creating())
    assert farm.fetch("SELECT COUNT(*) FROM creations") == [(0,)], "old ones are pruned"


async def test_an_epoch_is_one_requests_within_one_batch_too(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    first, second, granted, late = await asyncio.gather(
        *(store.execute(creating()) for _ in range(2)),
        *(store.execute(granting(number, worker.uuid)) for number in (1, 2)),
        return_exceptions=True,
    )
    assert (first, second) == (1, 2)
    assert not isinstance(granted, BaseException)
    assert isinstance(late, TransitionError), "what is saved last must not hide the other"
    assert "job of another request in epoch 1" in late.message
    waiting = await store.get_request(2)
    assert waiting is not None
    assert waiting.state is RequestState.WAITING


async def test_the_holder_is_the_newest_job(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    first, second = await store.execute(creating()), await store.execute(creating())
    await store.execute(granting(first, worker.uuid))
    await store.execute(ending(first))

    def decide(tx: Transaction, now: datetime) -> None:
        assert tx.holder(worker.uuid) is None
        granting(second, worker.uuid)(tx, now)
        # Saving the past request again must not make the worker look free.
        changing(first, reason="looked into")(tx, now)
        held = tx.holder(worker.uuid)
        assert held is not None
        assert held.id == second

    await store.execute(decide)
    await store.execute(changing(first, reason="looked into again"))

    def later(tx: Transaction, now: datetime) -> None:
        changing(first, reason="and again")(tx, now)
        held = tx.holder(worker.uuid)
        assert held is not None
        assert held.id == second

    await store.execute(later)


async def test_an_aborted_job_is_kept_apart_from_its_request(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    number = await store.execute(creating())
    job = make_job(number, worker, phase=JobPhase.OPENING)
    await store.execute(changing(number, job=job))

    def abort(tx: Transaction, now: datetime) -> None:
        tx.save_job(replace(job, phase=JobPhase.ENDED, ended=now))
        changing(number, EventKind.REQUEST_REQUEUED, job=None)(tx, now)
        assert tx.holder(worker.uuid) is None

    await store.execute(abort)
    request = await store.get_request(number)
    assert request is not None
    assert (request.job, request.state) == (None, RequestState.WAITING)


async def test_time_is_the_writers_and_never_goes_back(farm: Farm, clock: HandClock) -> None:
    def tell(tx: Transaction, now: datetime) -> datetime:
        creating()(tx, now)
        return now

    store = await farm.open()
    assert await store.execute(tell) == START
    clock.time = START + HOUR
    assert await store.execute(tell) == START + HOUR
    clock.time = START - HOUR
    assert await store.execute(tell) == START + HOUR
    store = await farm.reopen()
    assert await store.execute(tell) == START + HOUR
    clock.time = START + 2 * HOUR
    assert await store.execute(tell) == START + 2 * HOUR
    assert [event.at - START for event in await store.events(0, 9)] == [
        timedelta(0), HOUR, HOUR, HOUR, 2 * HOUR
    ]  # fmt: skip


async def test_what_no_board_could_serve_is_seen_before_it_is_stored(store: DatabaseStore) -> None:
    """In the database, in the batch and in the command itself; not what is served, or over."""
    since = {"orphaned_since": START}
    over = {"state": RequestState.CANCELLED, "finished": START}

    def first(tx: Transaction, _now: datetime) -> None:
        for changes in (since, {}, since | over):
            saved = make_request(tx.next_request_id(), **changes)
            tx.save_request(saved, EventKind.REQUEST_CREATED)
        assert [request.id for request in tx.orphaned()] == [1]

    def second(tx: Transaction, _now: datetime) -> None:
        assert [request.id for request in tx.orphaned()] == [1]
        saved = make_request(tx.next_request_id(), **since)
        tx.save_request(saved, EventKind.REQUEST_CREATED)
        assert [request.id for request in tx.orphaned()] == [1, 4]

    await asyncio.gather(store.execute(first), store.execute(second))
    assert await store.execute(lambda tx, _: len(tx.orphaned())) == 2


async def test_who_holds_a_board_is_seen_by_his_name(store: DatabaseStore) -> None:
    def lend(tx: Transaction, _now: datetime) -> None:
        for number, owner in ((1, "ann"), (2, "bob"), (3, "ann")):
            tx.save_worker(worker := make_worker(number), EventKind.WORKER_REGISTERED)
            job = (
                make_job(tx.next_request_id(), worker, phase=JobPhase.LIVE) if number < 3 else None
            )
            lent = make_request(job.request_id if job else 3, owner=owner, job=job)
            tx.save_request(lent, EventKind.REQUEST_CREATED)
        assert [request.id for request in tx.held_by("ann")] == [1]

    await store.execute(lend)
    assert await store.execute(lambda tx, _: [r.id for r in tx.held_by("bob")]) == [2]
