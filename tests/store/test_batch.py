"""Batches: order, isolation of the guilty, failures of the database."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime

import pytest

from boruta_farm.model.errors import (
    BorutaError,
    OutcomeUnknownError,
    StaleProposalError,
    StorageFullError,
    TransitionError,
    UnavailableError,
)
from boruta_farm.model.events import Change, EventKind
from boruta_farm.store.base import Transaction
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.dialect import PostgresDialect
from boruta_farm.store.driver import DiskFullError, DriverError
from boruta_farm.store.postgres import PostgresStore
from tests.store.failing import failing, spoil
from tests.store.farms import Farm, PostgresKind
from tests.store.making import (
    changing,
    creating,
    ending,
    finishing,
    granting,
    make_job,
    make_worker,
    registering,
)


async def gather(*commands: Awaitable[object]) -> list[object]:
    return await asyncio.gather(*commands, return_exceptions=True)


async def test_commands_keep_their_order(store: DatabaseStore) -> None:
    told: list[Change] = []
    store.listen(told.extend)
    await store.execute(creating())
    await asyncio.gather(*(store.execute(changing(1, priority=1 + n % 16)) for n in range(300)))
    assert [change.event.number for change in told] == list(range(1, 302))
    revisions = [change.request.revision for change in told if change.request is not None]
    assert revisions == list(range(1, 302))


async def test_answers_come_after_the_listeners_were_told(store: DatabaseStore) -> None:
    heard: list[str] = []
    store.listen(lambda changes: heard.append("told"))
    await store.execute(creating())
    heard.append("answered")
    assert heard == ["told", "answered"]


async def test_a_failing_listener_harms_nobody_else(
    store: DatabaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Change] = []

    def broken(changes: tuple[Change, ...]) -> None:
        raise ZeroDivisionError

    store.listen(broken)
    store.listen(told.extend)
    assert await store.execute(creating()) == 1
    assert len(told) == 1
    assert "a follower failed" in caplog.text
    store.forget(broken)
    store.forget(broken)


async def test_a_second_live_job_rejects_the_guilty_command_alone(
    store: DatabaseStore, farm: Farm
) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    for _ in range(3):
        await store.execute(creating())

    def usurp(tx: Transaction, now: datetime) -> None:
        # A job in a later epoch while the worker is still held: only the index can object.
        job = make_job(2, replace(worker, epoch=9))
        changing(2, EventKind.REQUEST_STARTED, job=job)(tx, now)

    results = await gather(
        store.execute(granting(1, worker.uuid)),
        store.execute(usurp),
        store.execute(changing(3, priority=2)),
        store.execute(creating()),
    )
    assert isinstance(results[1], TransitionError)
    assert [isinstance(result, BorutaError) for result in results] == [False, True, False, False]
    assert results[3] == 4
    assert [event.number for event in await store.events(0, 99)] == list(range(1, 9))
    second = await store.get_request(2)
    assert second is not None
    assert second.job is None


async def test_one_live_job_per_request(store: DatabaseStore) -> None:
    first, second = make_worker(1), make_worker(2)
    for worker in (first, second):
        await store.execute(registering(worker))
    await store.execute(creating())
    await store.execute(granting(1, first.uuid))
    with pytest.raises(TransitionError):
        await store.execute(changing(1, job=make_job(1, second)))


async def test_a_job_never_changes_its_request(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    await store.execute(creating())
    await store.execute(creating())
    await store.execute(granting(1, worker.uuid))
    await store.execute(ending(1))
    with pytest.raises(TransitionError, match="another request"):
        await store.execute(changing(2, job=make_job(2, worker)))


async def test_names_and_ports_are_unique(store: DatabaseStore) -> None:
    results = await gather(
        store.execute(registering(make_worker(1))),
        store.execute(registering(make_worker(2, name="board-1"))),
        store.execute(registering(make_worker(3, port=20001))),
        store.execute(registering(make_worker(4))),
    )
    assert [isinstance(result, TransitionError) for result in results] == [
        False, True, True, False
    ]  # fmt: skip


async def test_the_database_compares_before_it_sets(store: DatabaseStore) -> None:
    await store.execute(creating())
    await store.execute(registering(make_worker()))

    def outrun(table: str) -> None:
        """Let somebody else's change come between reading and writing."""
        driver = store._batcher.driver
        assert driver is not None

        def between(statement: str) -> None:
            if statement.startswith(f"UPDATE {table} SET"):
                driver.fetch(f"UPDATE {table} SET revision = revision + 1")

        spoil(store, before=between)

    outrun("requests")
    with pytest.raises(StaleProposalError, match="changed by somebody else meanwhile: 1"):
        await store.execute(changing(1, priority=2))
    outrun("workers")
    with pytest.raises(StaleProposalError):
        await store.execute(registering(make_worker(revision=2)))
    request = await store.get_request(1)
    assert request is not None
    assert (request.revision, request.priority) == (1, 8)


async def test_counters_equal_what_is_there(store: DatabaseStore, farm: Farm) -> None:
    def refused(tx: Transaction, now: datetime) -> None:
        creating()(tx, now)
        raise BorutaError

    await gather(*(store.execute(creating() if n % 5 else refused) for n in range(1500)))
    await gather(*(store.execute(finishing(n)) for n in range(1, 1200, 3)))
    counted = farm.fetch(
        "SELECT state, id / 1024, COUNT(*) FROM requests GROUP BY state, id / 1024 ORDER BY 1, 2"
    )
    kept = farm.fetch("SELECT state, bucket, requests FROM tallies ORDER BY state, bucket")
    assert [tuple(row) for row in kept] == [tuple(row) for row in counted]
    assert len(counted) == 4
    counted = farm.fetch(
        "SELECT priority, id >> 11, COUNT(*) FROM requests GROUP BY priority, id >> 11 ORDER BY 1"
    )
    kept = farm.fetch("SELECT priority, bucket, requests FROM priority_tallies ORDER BY priority")
    assert [tuple(row) for row in kept] == [tuple(row) for row in counted]
    counters: dict[str, int] = dict(farm.fetch("SELECT name, value FROM counters"))
    assert counters["requests"] == counters["request"] == 1200
    assert counters["event"] == 1600 == await store.last_event()
    assert farm.fetch("SELECT COUNT(*), MIN(number), MAX(number) FROM events") == [(1600, 1, 1600)]


async def test_a_commit_that_failed_answers_nobody_with_success(
    store: DatabaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    doubts: list[None] = []
    told: list[Change] = []
    store.on_doubt(lambda: doubts.append(None))
    store.listen(told.extend)
    await store.execute(creating())
    for happened in (False, True):
        hook = failing("COMMIT", DriverError("the disk is gone"))
        spoil(store, **({"after": hook} if happened else {"before": hook}))
        with pytest.raises(OutcomeUnknownError):
            await store.execute(creating())
    assert len(doubts) == 2
    assert len(told) == 1, "nothing is told of what is unknown"
    assert "outcome is unknown" in caplog.text
    # The first did not happen, the second did: the store reads back and goes on.
    assert await store.execute(creating()) == 3
    # With PostgreSQL what had happened all the same is found as what others have done is.
    found = [2] if isinstance(store, PostgresStore) else []
    assert [change.event.number for change in told] == [1, *found, 3]
    assert [event.request_id for event in await store.events(0, 9)] == [1, 2, 3]


async def test_a_failure_before_commit_changes_nothing(
    store: DatabaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    for statement in ("BEGIN", "SELECT name", "INSERT INTO requests", "UPDATE counters"):
        spoil(store, before=failing(statement, DriverError("the disk is gone")))
        with pytest.raises(UnavailableError, match="nothing was changed"):
            await store.execute(creating())
    assert "failed before COMMIT" in caplog.text
    assert await store.execute(creating()) == 1


async def test_a_full_disk_is_told(store: DatabaseStore) -> None:
    for statement in ("INSERT INTO requests", "COMMIT"):
        await store.execute(creating())
        spoil(store, before=failing(statement, DiskFullError("full")))
        results = await gather(*(store.execute(creating()) for _ in range(3)))
        assert all(isinstance(result, StorageFullError) for result in results)
        store._batcher.close()
    assert await store.execute(creating()) == 3


async def test_a_database_out_of_reach_comes_back(
    store: DatabaseStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise DriverError("no such server")

    with monkeypatch.context() as patch:
        store._batcher.close()
        patch.setattr(store._batcher, "_open_driver", refuse)
        with pytest.raises(UnavailableError, match="no such server"):
            await store.execute(creating())
    assert await store.execute(creating()) == 1


async def test_commands_are_not_run_again_for_nothing(store: DatabaseStore) -> None:
    runs: list[int] = []

    def counted(tx: Transaction, now: datetime) -> int:
        number = creating()(tx, now)
        runs.append(number)
        return number

    await asyncio.gather(*(store.execute(counted) for _ in range(50)))
    assert runs == list(range(1, 51))


async def test_a_broken_rule_is_logged(
    store: DatabaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.execute(registering(make_worker(1)))
    with caplog.at_level(logging.ERROR), pytest.raises(TransitionError):
        await store.execute(registering(make_worker(2, port=20001)))
    assert "refused a change" in caplog.text


async def test_only_a_clock_of_another_machine_is_told(farm: Farm) -> None:
    store = await farm.open()
    assert await store.foreign_time() is None
    if isinstance(farm.kind, PostgresKind):
        # What the statement says where the addresses differ.
        elsewhere = PostgresDialect.foreign_time.replace("inet_client_addr()", "'192.0.2.1'::inet")
        ((shown,),) = farm.fetch(elsewhere)
        assert abs(shown / 1_000_000 - time.time()) < 60
