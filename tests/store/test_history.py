"""Finished requests are removed by policy, with all that hangs on them and nothing else."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from boruta_farm.model.audit import Action, AuditFilter
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.errors import RequestNotFoundError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.listing import Page, Paginator, Removed, RequestFilter, Sorter
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.base import Decide, Transaction
from boruta_farm.store.database import DatabaseStore
from tests.store.farms import Farm
from tests.store.making import HandClock, make_job, make_request, make_worker

DAY = timedelta(days=1)
KEEP = 30 * DAY
ALL = 10**9


def file(*requests: Request) -> Decide[None]:
    def decide(tx: Transaction, _: datetime) -> None:
        for request in requests:
            tx.save_request(request, EventKind.REQUEST_CREATED)

    return decide


def cut(keep: timedelta = KEEP, most: int = ALL, limit: int = 200) -> Decide[bool]:
    return lambda tx, now: tx.cut_history(now - keep, most, limit)


async def listed(
    store: DatabaseStore, *states: str, paginator: Paginator | None = None
) -> Page[Request]:
    where = RequestFilter(states=states or None)
    return await store.list_requests(where, Sorter(), paginator or Paginator())


def ids(page: Page[Request]) -> list[int]:
    return [request.id for request in page.items]


def finished(numbers: Iterable[int], clock: HandClock, **changes: object) -> list[Request]:
    state = changes.pop("state", RequestState.DONE)
    return [
        make_request(n, state=state, finished=clock.now(), reason="closed", **changes)
        for n in numbers
    ]


async def test_what_finished_long_ago_goes_and_what_did_not_stays(
    farm: Farm, clock: HandClock
) -> None:
    store = await farm.open()
    await store.execute(file(*finished((1, 2), clock), make_request(3)))
    await store.execute(file(*finished((4,), clock, state=RequestState.FAILED)))
    clock.advance(KEEP - DAY)
    await store.execute(file(*finished((5,), clock)))
    assert not await store.execute(cut())
    clock.advance(2 * DAY)
    assert await store.execute(cut())
    assert not await store.execute(cut()), "all that was due is gone"
    page = await listed(store)
    assert (ids(page), page.total, page.remaining) == ([3, 5], 2, 0)
    assert page.removed == await store.removed() == Removed(count=3, up_to=4)
    assert (await listed(store, "DONE")).total == 1
    assert (await listed(store, "FAILED")).total == 0
    assert await store.get_request(1) is None
    assert await store.get_request(3) is not None
    again = await farm.reopen()
    assert ids(await listed(again)) == [3, 5]
    assert await again.removed() == Removed(count=3, up_to=4)


async def test_beyond_the_number_the_oldest_go_but_none_of_a_day(
    farm: Farm, clock: HandClock
) -> None:
    store = await farm.open()
    await store.execute(file(*finished(range(1, 7), clock)))
    assert not await store.execute(cut(most=2)), "an Idempotency-Key may lead to it"
    clock.advance(2 * DAY)
    await store.execute(file(*finished((7,), clock)))
    assert await store.execute(cut(most=2, limit=3))
    assert ids(await listed(store)) == [4, 5, 6, 7]
    assert await store.execute(cut(most=2, limit=3))
    assert ids(await listed(store)) == [6, 7]
    assert not await store.execute(cut(most=2))


async def test_no_id_is_given_out_again(farm: Farm, clock: HandClock) -> None:
    store = await farm.open()
    await store.execute(file(*finished((1, 2, 3), clock)))
    clock.advance(2 * KEEP)
    await store.execute(cut())
    assert (await listed(store)).total == 0
    store = await farm.reopen()
    assert await store.execute(lambda tx, _: tx.next_request_id()) == 4
    with pytest.raises(Exception, match="was used before"):
        await store.execute(file(make_request(2)))


async def test_jobs_and_consoles_go_along_and_those_of_others_stay(
    farm: Farm, clock: HandClock
) -> None:
    store = await farm.open()
    boards = [make_worker(1, epoch=9), make_worker(2, epoch=9)]

    def lend(tx: Transaction, now: datetime) -> None:
        for board in boards:
            tx.save_worker(board, EventKind.WORKER_REGISTERED)
        for number, epoch in ((1, 3), (2, 5), (3, 6)):
            job = make_job(number, boards[0], epoch=epoch, phase=JobPhase.ENDED)
            request = make_request(number, state=RequestState.DONE, finished=now, job=job)
            tx.save_request(request, EventKind.REQUEST_CREATED)
            chunk = ConsoleChunk(console="uart", sequence=0, count=1, dropped=0, content="eJw=")
            tx.save_console(number, epoch, chunk)
        # An earlier try of the first request, on which it was given back to the queue.
        tx.save_job(make_job(1, boards[0], epoch=2, phase=JobPhase.ENDED))
        tx.save_job(make_job(3, boards[1], epoch=2, phase=JobPhase.ENDED))
        running = make_job(4, boards[1], epoch=9)
        tx.save_request(
            make_request(4, state=RequestState.IN_PROGRESS, job=running), EventKind.REQUEST_CREATED
        )

    await store.execute(lend)
    clock.advance(2 * KEEP)
    assert await store.execute(cut(limit=2))
    rows = farm.fetch("SELECT request_id, epoch FROM jobs ORDER BY request_id, epoch")
    assert [tuple(row) for row in rows] == [(3, 2), (3, 6), (4, 9)]
    assert await store.console_logs(2) == ()
    assert len(await store.console_logs(3)) == 1
    held = await store.get_request(4)
    assert held is not None
    assert held.live_job is not None


async def test_each_cut_is_entered_and_journalled_with_what_it_took(
    farm: Farm, clock: HandClock
) -> None:
    store = await farm.open()
    await store.execute(file(*finished((1, 2, 3), clock)))
    clock.advance(2 * KEEP)
    before = await store.last_event()
    await store.execute(cut(limit=2))
    (entry,) = await store.audit(AuditFilter(action=Action.HISTORY_CUT))
    assert entry.actor == "farm"
    assert entry.detail == {"requests": "2", "first": "1", "up_to": "2"}
    (event,) = await store.events(before, 10)
    assert event.kind is EventKind.HISTORY_CUT
    assert "2 finished requests up to 2 were removed" in (event.reason or "")


async def test_who_leafs_through_a_list_goes_on_behind_what_was_removed(
    farm: Farm, clock: HandClock
) -> None:
    store = await farm.open()
    await store.execute(file(*finished((1, 2), clock), make_request(3), make_request(4)))
    first = await listed(store, paginator=Paginator(limit=2))
    clock.advance(2 * KEEP)
    await store.execute(cut())
    behind = Paginator(border=first.items[-1].id, limit=2)
    assert ids(await listed(store, paginator=behind)) == [3, 4]
    with pytest.raises(RequestNotFoundError):
        await listed(store, paginator=Paginator(border=5))


async def test_one_command_removes_once(farm: Farm, clock: HandClock) -> None:
    store = await farm.open()
    await store.execute(file(*finished((1, 2), clock)))
    clock.advance(2 * KEEP)

    def both(tx: Transaction, now: datetime) -> tuple[bool, bool, bool]:
        found = tx.cut_history(now - KEEP, ALL, 1)
        return found, tx.cut_history(now - KEEP, ALL, 1), tx.request(2) is not None

    assert await store.execute(both) == (True, False, True)
    assert await store.get_request(1) is None
    assert await store.get_request(2) is not None
    assert await store.execute(lambda tx, _: tx.request(1)) is None


@pytest.mark.prove
async def test_a_long_history_is_cut_in_small_steps(farm: Farm, clock: HandClock) -> None:
    store = await farm.open(FarmSettings())
    for first in range(1, 20_001, 1000):
        await store.execute(file(*finished(range(first, first + 1000), clock)))
    clock.advance(2 * KEEP)
    rounds = 0
    while await store.execute(cut()):
        rounds += 1
    assert rounds == 100
    assert (await listed(store)).total == 0
