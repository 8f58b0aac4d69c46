"""A farm's copied requests are as good as filed ones: counts, lists, ids and what comes after."""

import asyncio
from pathlib import Path

import pytest
from bench.copies import grown
from bench.fill import fill

from boruta_farm.clock import SystemClock
from boruta_farm.model.listing import Paginator, RequestFilter, Sorter
from boruta_farm.model.request import RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.server.folder import DATABASE_FILE
from boruta_farm.store.sqlite import SqliteStore
from tests.store.making import creating

pytestmark = pytest.mark.prove

STORED = 3000
"""More than two buckets of tallies."""


def opened(folder: Path) -> SqliteStore:
    return SqliteStore(folder / DATABASE_FILE, SystemClock(), FarmSettings())


@pytest.mark.parametrize("state", [RequestState.CANCELLED, RequestState.WAITING])
def test_copies_are_counted_listed_and_followed(state: RequestState, tmp_path: Path) -> None:
    async def look() -> None:
        await fill(tmp_path, waiting=40, closed=10)
        store = opened(tmp_path)
        await store.start()
        before = (await store.farm_size()).finished[RequestState.CANCELLED]
        await store.close()
        grown(tmp_path, STORED, state)
        store = opened(tmp_path)
        await store.start()
        try:
            size = await store.farm_size()
            cancelled = size.finished[RequestState.CANCELLED]
            expected = before if state is RequestState.WAITING else STORED - 40
            assert cancelled == expected
            assert sum(size.unfinished.values()) == STORED - cancelled
            page = await store.list_requests(
                RequestFilter(states=(state.value,)), Sorter(item="id"), Paginator(limit=3)
            )
            assert page.total == (cancelled if state is RequestState.CANCELLED else STORED - before)
            assert await store.execute(creating()) == STORED + 1
        finally:
            await store.close()

    asyncio.run(look())
