"""Build the matching index from rows of a million requests while something else wants the loop."""

import asyncio
import gc
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from bench.boards import NOW, Wanted, make_demands, make_request, make_worker
from bench.table import Row
from boruta_farm.clock import VirtualClock
from boruta_farm.core.jobs import Grant
from boruta_farm.farm.matcher import Matcher
from boruta_farm.feed import Feed
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState
from boruta_farm.server.main import GC_THRESHOLDS
from boruta_farm.store.base import Snapshot
from boruta_farm.store.driver import Row as StoredRow
from boruta_farm.store.packing import PACKED, PackedRequests
from boruta_farm.store.rows import JOB, REQUEST

MOST_SECONDS = 10.0


class _Still:
    """A subscription to which nothing ever comes."""

    async def next(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        return


async def _nothing(_given: object) -> None:
    """Accept a grant or a mark."""


def measure(*, waiting: int, workers: int, demands: int) -> list[Row]:
    """Return the seconds until the index stands, and the longest time nobody else ran."""
    return asyncio.run(_measure(waiting, workers, demands))


async def _measure(waiting: int, workers: int, demands: int) -> list[Row]:
    wanted = make_demands(demands, workers, asked=False)
    numbers = range(1, waiting + 1)
    batches = (
        [_row(number, wanted[number % len(wanted)]) for number in numbers[first : first + PACKED]]
        for first in range(0, waiting, PACKED)
    )
    boards = tuple(make_worker(number, workers, serial=True) for number in range(workers))
    busy = tuple(board for board in boards if board.state is WorkerState.RUNNING)
    snapshot = Snapshot(number=0, requests=PackedRequests(batches), workers=busy)

    async def follow() -> tuple[Snapshot, _Still]:
        return snapshot, _Still()

    feed = cast("Feed", SimpleNamespace(follow=follow))
    # The virtual clock adds the loop's seconds: whatever they are, it is the time of the requests.
    clock = VirtualClock(NOW - timedelta(seconds=asyncio.get_running_loop().time()))
    matcher = Matcher(
        feed,
        _grant,
        _nothing,
        _nothing,
        clock,
        FarmSettings(),
    )
    # As the server does: by default the collector would look at all there is again and again.
    thresholds = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    began, spent = time.perf_counter(), time.process_time()
    running = asyncio.create_task(matcher.keep_matching())
    longest = 0.0
    while not matcher.capability_names():
        before = time.perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - before)
        if running.done():
            running.result()
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    gc.set_threshold(*thresholds)
    name = f"index of {waiting:,} requests and {workers:,} boards, from rows"
    return [
        Row(
            name=name,
            value=f"{seconds:.1f} s ({spent:.1f} s of processor time)",
            aim=f"<= {MOST_SECONDS:.0f} s of processor time",
            met=spent <= MOST_SECONDS,
        ),
        Row(name="longest time that calls waited meanwhile", value=f"{longest * 1000:.0f} ms"),
    ]


def _row(number: int, wanted: Wanted) -> StoredRow:
    """Return a request's row without a job."""
    return (*REQUEST.row(make_request(number, wanted)), *(None,) * len(JOB.columns))


async def _grant(_proposal: Grant) -> None:
    """Accept a proposal."""
