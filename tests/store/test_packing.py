"""A snapshot's requests take little memory until they are looked at."""

import tracemalloc

import pytest

from boruta_farm.store import records
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.driver import Row
from boruta_farm.store.packing import PackedRequests
from boruta_farm.store.rows import request_row
from boruta_farm.store.tables import JOBS
from tests.store.making import creating, finishing, granting, make_request, make_worker, registering

REQUESTS = 5_000


async def test_every_row_comes_back_whole_and_once(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PACKED", 2)
    worker = make_worker()
    await store.run(registering(worker))
    for selector in (None, "ram >= 2", None, "city = Łódź", None, None):
        await store.run(creating(selector=selector, caps=None if selector else {"a": "ż"}))
    await store.run(granting(4, worker.uuid))
    await store.run(finishing(5))
    snapshot = await store.snapshot()
    found = {request.id: request for request in snapshot.requests}
    assert sorted(found) == [1, 2, 3, 4, 6]
    assert found == {number: await store.get_request(number) for number in found}
    assert found[4].job is not None
    assert [request.id for request in snapshot.requests] == list(found), "it can be read twice"
    assert [request.id for request in (await store.snapshot(holding=True)).requests] == [4]


def test_packed_rows_take_a_fraction_of_the_memory() -> None:
    def batches(size: int) -> list[list[Row]]:
        numbers = range(1, REQUESTS + 1)
        # The job's columns are all there and empty, as the database returns them.
        return [
            [(*request_row(make_request(n)), *(None,) * len(JOBS)) for n in numbers[first:][:size]]
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
