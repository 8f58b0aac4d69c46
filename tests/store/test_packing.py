"""A snapshot's requests take little memory until they are looked at."""

import tracemalloc
from dataclasses import replace

import pytest

from boruta_farm.model.request import Request
from boruta_farm.model.waiting import Asked, Waiting
from boruta_farm.store import packing, records
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.driver import Row
from boruta_farm.store.packing import PackedRequests
from boruta_farm.store.rows import JOB, REQUEST
from boruta_farm.store.values import MICROSECOND, micros
from tests.store.making import (
    HOUR,
    START,
    creating,
    finishing,
    granting,
    make_request,
    make_worker,
    registering,
)

REQUESTS = 5_000


async def test_every_row_comes_back_whole_and_once(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PACKED", 2)
    worker = make_worker()
    await store.execute(registering(worker))
    for selector in (None, "ram >= 2", None, "city = Łódź", None, None):
        await store.execute(creating(selector=selector, caps=None if selector else {"a": "ż"}))
    await store.execute(granting(4, worker.uuid))
    await store.execute(finishing(5))
    snapshot = await store.snapshot()
    found = {request.id: request for request in snapshot.requests}
    assert sorted(found) == [1, 2, 3, 4, 6]
    assert found == {number: await store.get_request(number) for number in found}
    assert found[4].job is not None
    assert [request.id for request in snapshot.requests] == list(found), "it can be read twice"
    told = {request.id: request for request in snapshot.brief()}
    assert list(told) == list(found)
    assert [number for number, what in told.items() if isinstance(what, Request)] == [4]
    assert told[4] == found[4]
    assert all(
        agrees(what, found[number]) for number, what in told.items() if isinstance(what, Waiting)
    )
    assert [request.id for request in (await store.snapshot(holding=True)).requests] == [4]


def agrees(told: Waiting, request: Request) -> bool:
    """Tell whether a request was told in brief as it is."""
    orphaned = request.orphaned_since
    assert all(
        getattr(told.asked, name) == getattr(request, name) for name in Asked.__dataclass_fields__
    )
    return told[2:] == (
        request.priority,
        micros(request.created),
        micros(request.valid_after),
        micros(request.deadline),
        request.revision,
        None if orphaned is None else micros(orphaned),
        None if request.length is None else request.length // MICROSECOND,
    )


def test_requests_that_ask_alike_share_what_they_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [
        make_request(n, caps={"a": "1"}, owner_groups=frozenset({"lab"}) if n % 2 else None)
        for n in range(6)
    ]
    # Every time is another, so that none can stand in another's place.
    requests[4] = replace(
        requests[4],
        valid_after=START + HOUR,
        deadline=START + 2 * HOUR,
        orphaned_since=START + 3 * HOUR,
        revision=7,
    )
    rows = [(*REQUEST.row(request), *(None,) * len(JOB.columns)) for request in requests]
    packed = PackedRequests([rows[:4], rows[4:]])
    told = [what for what in packed.brief() if isinstance(what, Waiting)]
    assert all(map(agrees, told, requests))
    assert len({id(waiting.asked) for waiting in told}) == 2
    monkeypatch.setattr(packing, "ASKED_KEPT", 1)
    told = [what for what in packed.brief() if isinstance(what, Waiting)]
    assert all(map(agrees, told, requests)), "what is forgotten is read again"


def test_packed_rows_take_a_fraction_of_the_memory() -> None:
    def batches(size: int) -> list[list[Row]]:
        numbers = range(1, REQUESTS + 1)
        # The job's columns are all there and empty, as the database returns them.
        return [
            [
                (*REQUEST.row(make_request(n)), *(None,) * len(JOB.columns))
                for n in numbers[first:][:size]
            ]
            for first in range(0, REQUESTS, size)
        ]

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        rows = batches(500)
        loose = tracemalloc.get_traced_memory()[0] - before
        packed = PackedRequests(rows)
        taken = tracemalloc.get_traced_memory()[0] - before - loose
    finally:
        tracemalloc.stop()
    assert sum(1 for _ in packed) == REQUESTS
    assert taken < loose / 2, f"{taken / REQUESTS:.0f} bytes each, {loose / REQUESTS:.0f} as rows"
