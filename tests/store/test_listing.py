"""Lists against a model in plain Python."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boruta_farm.model.errors import (
    RequestNotFoundError,
    SortItemError,
    WideListError,
    WorkerNotFoundError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.listing import (
    ListDirection,
    Page,
    Paginator,
    RequestFilter,
    Sorter,
    SortOrder,
    WorkerFilter,
)
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.store.base import Transaction
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.listing import SHORT, quick
from tests.store.farms import Farm
from tests.store.making import START, granting, make_request, make_worker, registering

Item = TypeVar("Item", Request, Worker)

REQUESTS = 2100
"""Enough for three buckets of tallies."""

STATES = tuple(RequestState)


def some_request(number: int) -> Request:
    state = STATES[number * 5 % 11 % 7]
    return make_request(
        number,
        owner_name="admin",
        priority=1 + number * 7 % 16,
        deadline=START + timedelta(minutes=number * 13 % 97),
        valid_after=START - timedelta(minutes=number * 11 % 89),
        state=state,
        finished=START + timedelta(seconds=number) if state.finished else None,
    )


def some_worker(number: int) -> Worker:
    return make_worker(
        number,
        name=f"board-{number * 7 % 13}-{number}",
        state=tuple(WorkerState)[number % 6],
        groups=((), ("a",), ("a", "b"), ("b",))[number % 4],
        caps={"arch": ("arm", "x86")[number % 2], "n": str(number % 3), "quoted": '"arch":"arm"'},
        # Own capabilities go before labels.
        labels={"rack": "x", "n": "1"} if number % 5 == 0 else None,
    )


@pytest.fixture
async def full(farm: Farm) -> DatabaseStore:
    store = await farm.open()

    def fill(tx: Transaction, now: datetime) -> None:
        for number in range(1, REQUESTS + 1):
            tx.save_request(some_request(number), EventKind.REQUEST_CREATED)
        for number in range(1, 25):
            tx.save_worker(some_worker(number), EventKind.WORKER_REGISTERED)

    await store.execute(fill)
    return store


def request_key(item: str, request: Request) -> tuple[Any, int]:
    values = {
        "id": request.id,
        "priority": request.priority,
        "deadline": request.deadline,
        "validafter": request.valid_after,
        "state": request.state.value,
    }
    return values[item], request.id


def worker_key(item: str, worker: Worker) -> tuple[Any, str]:
    return getattr(worker, item), worker.uuid


def cut(
    everything: Sequence[Item],
    matching: Sequence[Item],
    key: Any,
    order: SortOrder,
    border: Item | None,
    direction: ListDirection,
    limit: int,
) -> Page[Item]:
    """Sort, then walk from the border: the naive way."""
    descending = order is SortOrder.DESCENDING
    ranked = sorted(everything, key=key, reverse=descending)
    places = {key(item): place for place, item in enumerate(ranked)}
    wanted = sorted(matching, key=key, reverse=descending)
    if direction is ListDirection.BACKWARD:
        before = [i for i in wanted if border is None or places[key(i)] < places[key(border)]]
        page = before[-limit:] if limit else before
        beyond = before
    else:
        beyond = [i for i in wanted if border is None or places[key(i)] > places[key(border)]]
        page = beyond[:limit] if limit else beyond
    return Page(items=tuple(page), total=len(wanted), remaining=len(beyond) - len(page))


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(values, max_size=4).map(tuple)


REQUEST_SELECTORS: dict[str | None, Callable[[Request], bool]] = {
    None: lambda request: True,
    "id 7..1999": lambda request: 7 <= request.id <= 1999,
    "state = DONE, priority <= 4": lambda r: r.state is RequestState.DONE and r.priority <= 4,
    "arch != arm": lambda request: False,
    "arch, !worker, owner = admin": lambda request: True,
}
WORKER_SELECTORS: dict[str | None, Callable[[Worker], bool]] = {
    None: lambda worker: True,
    "rack = x": lambda worker: worker.labels is not None,
    "n >= 1, arch in (x86, mips)": lambda w: w.caps["n"] != "0" and w.caps["arch"] == "x86",
    "groups has b": lambda worker: "b" in worker.groups,
    "state not in (IDLE), !m": lambda worker: worker.state is not WorkerState.IDLE,
}
request_filters = st.builds(
    RequestFilter,
    selector=st.sampled_from(list(REQUEST_SELECTORS)),
    ids=st.none() | st.lists(st.integers(-1, REQUESTS + 9) | st.just(2**70)).map(tuple),
    priorities=some(st.integers(0, 17)),
    states=some(st.sampled_from([*(state.value for state in STATES), "FOO", "waiting"])),
    finished_after=st.none()
    | st.integers(0, REQUESTS).map(lambda second: START + timedelta(seconds=second)),
)
by_state = st.builds(
    RequestFilter, states=some(st.sampled_from([*(state.value for state in STATES), "FOO"]))
)
by_priority = st.builds(RequestFilter, priorities=some(st.integers(0, 17)))


def matches(request: Request, where: RequestFilter) -> bool:
    return (
        (not where.ids or request.id in where.ids)
        and (not where.priorities or request.priority in where.priorities)
        and (not where.states or request.state.value in where.states)
        and (
            where.finished_after is None
            or request.finished is None
            or request.finished > where.finished_after
        )
        and REQUEST_SELECTORS[where.selector](request)
    )


LIMITS = st.sampled_from([0, 1, 2, 100, 3000])
RELAXED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@RELAXED
@given(
    where=request_filters | by_state | by_priority,
    item=st.sampled_from(["id", "ID", "priority", "deadline", "ValidAfter", "state"]),
    order=st.sampled_from(SortOrder),
    border=st.none() | st.integers(1, REQUESTS),
    direction=st.sampled_from(ListDirection),
    limit=LIMITS,
)
async def test_pages_of_requests_equal_the_model(
    full: DatabaseStore,
    where: RequestFilter,
    item: str,
    order: SortOrder,
    border: int | None,
    direction: ListDirection,
    limit: int,
) -> None:
    everything = [some_request(number) for number in range(1, REQUESTS + 1)]
    page = await full.list_requests(
        where,
        Sorter(item=item, order=order),
        Paginator(border=border, direction=direction, limit=limit),
    )
    right = cut(
        everything,
        [request for request in everything if matches(request, where)],
        lambda request: request_key(item.lower(), request),
        order,
        None if border is None else everything[border - 1],
        direction,
        limit,
    )
    # Thousands of requests would be printed whole.
    assert [request.id for request in page.items] == [request.id for request in right.items]
    same = page == right
    assert same


@pytest.mark.parametrize(
    ("where", "item"),
    [
        (RequestFilter(), "deadline"),
        (RequestFilter(states=("DONE", "CANCELLED")), "priority"),
        (RequestFilter(states=("DONE",), priorities=(3,)), "id"),
        (RequestFilter(finished_after=START), "priority"),
        (RequestFilter(selector="priority = 3"), "id"),
    ],
)
async def test_a_list_that_looks_through_too_much_is_refused_in_words(
    full: DatabaseStore, where: RequestFilter, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await full.list_requests(where, Sorter(item=item), Paginator())
    for bound in ("MOST_SCANNED", "MOST_DECODED"):
        monkeypatch.setattr(f"boruta_farm.store.listing.{bound}", 100)
    with pytest.raises(WideListError, match="requests would have to be looked through"):
        await full.list_requests(where, Sorter(item=item), Paginator())
    for narrow, by in (
        (RequestFilter(), "priority"),
        (RequestFilter(priorities=(3, 4)), "id"),
        (RequestFilter(states=("DONE",)), "id"),
        (RequestFilter(ids=(1, 2), selector="priority = 3"), "deadline"),
        (RequestFilter(states=("FOO",)), "deadline"),
    ):
        await full.list_requests(narrow, Sorter(item=by), Paginator())


async def test_workers_are_found_by_more_capabilities_than_one_statement_holds(
    full: DatabaseStore,
) -> None:
    board = some_worker(1)
    caps = {f"cap-{number}": "1" for number in range(2000)}
    assert (
        await full.list_workers(WorkerFilter(caps=caps), Sorter(item="uuid"), Paginator())
    ).total == 0
    found = await full.list_workers(
        WorkerFilter(caps=board.matched), Sorter(item="uuid"), Paginator()
    )
    assert board in found.items


@RELAXED
@given(
    caps=st.none()
    | st.dictionaries(
        st.sampled_from(["arch", "n", "quoted", "rack"]),
        st.sampled_from(["arm", "1", '"arch":"arm"', "x"]),
        max_size=2,
    ),
    groups=some(st.sampled_from(["a", "b", "c"])),
    states=some(st.sampled_from([*(state.value for state in WorkerState), "FOO"])),
    selector=st.sampled_from(list(WORKER_SELECTORS)),
    item=st.sampled_from(["uuid", "UUID", "state", "groups", "name"]),
    order=st.sampled_from(SortOrder),
    border=st.none() | st.integers(1, 24),
    direction=st.sampled_from(ListDirection),
    limit=LIMITS,
)
async def test_pages_of_workers_equal_the_model(
    full: DatabaseStore,
    caps: dict[str, str] | None,
    groups: tuple[str, ...] | None,
    states: tuple[str, ...] | None,
    selector: str | None,
    item: str,
    order: SortOrder,
    border: int | None,
    direction: ListDirection,
    limit: int,
) -> None:
    everything = [some_worker(number) for number in range(1, 25)]
    page = await full.list_workers(
        WorkerFilter(caps=caps, groups=groups, states=states, selector=selector),
        Sorter(item=item, order=order),
        Paginator(
            border=None if border is None else everything[border - 1].uuid,
            direction=direction,
            limit=limit,
        ),
    )
    matching = [
        worker
        for worker in everything
        if (caps or {}).items() <= worker.matched.items()
        and (not groups or set(groups) & set(worker.groups))
        and (not states or worker.state.value in states)
        and WORKER_SELECTORS[selector](worker)
    ]
    assert page == cut(
        everything,
        matching,
        lambda worker: worker_key(item.lower(), worker),
        order,
        None if border is None else everything[border - 1],
        direction,
        limit,
    )


@pytest.fixture
async def five(store: DatabaseStore) -> DatabaseStore:
    """Return the store of the recorded session: five requests, the second cancelled."""

    def fill(tx: Transaction, now: datetime) -> None:
        for number in range(1, 6):
            state = RequestState.CANCELLED if number == 2 else RequestState.WAITING
            request = make_request(number, state=state, priority=3 * number)
            tx.save_request(request, EventKind.REQUEST_CREATED)

    await store.execute(fill)
    return store


WAITING = RequestFilter(states=("WAITING",))


@pytest.mark.parametrize(
    ("where", "paginator", "ids", "remaining", "total"),
    [
        (RequestFilter(), Paginator(border=2, limit=2), [3, 4], 1, 5),
        (RequestFilter(), Paginator(direction=ListDirection.BACKWARD, limit=2), [4, 5], 3, 5),
        (
            RequestFilter(),
            Paginator(border=3, direction=ListDirection.BACKWARD, limit=2),
            [1, 2],
            0,
            5,
        ),
        (WAITING, Paginator(border=2, limit=2), [3, 4], 1, 4),
        (WAITING, Paginator(limit=0), [1, 3, 4, 5], 0, 4),
        (RequestFilter(states=("FOO",)), Paginator(), [], 0, 0),
        (RequestFilter(ids=(1, 5, 99)), Paginator(), [1, 5], 0, 2),
        (RequestFilter(priorities=(3, 6)), Paginator(), [1, 2], 0, 2),
    ],
)
async def test_pages_are_those_that_were_recorded(
    five: DatabaseStore,
    where: RequestFilter,
    paginator: Paginator,
    ids: list[int],
    remaining: int,
    total: int,
) -> None:
    page = await five.list_requests(where, Sorter(), paginator)
    assert ([r.id for r in page.items], page.remaining, page.total) == (ids, remaining, total)


async def test_states_sort_by_their_text(five: DatabaseStore) -> None:
    page = await five.list_requests(RequestFilter(), Sorter(item="state"), Paginator())
    assert [request.id for request in page.items] == [2, 1, 3, 4, 5]


async def test_unknown_sort_items_are_refused(five: DatabaseStore) -> None:
    with pytest.raises(SortItemError):
        await five.list_requests(RequestFilter(), Sorter(item="caps"), Paginator())
    with pytest.raises(SortItemError):
        await five.list_workers(WorkerFilter(), Sorter(item="caps"), Paginator())


@pytest.mark.parametrize("border", [0, -1, 6, 2**63, 2**70, "1"])
@pytest.mark.parametrize("where", [RequestFilter(), WAITING, RequestFilter(priorities=(3,))])
async def test_an_unknown_border_is_told(
    five: DatabaseStore, border: int | str, where: RequestFilter
) -> None:
    with pytest.raises(RequestNotFoundError):
        await five.list_requests(where, Sorter(), Paginator(border=border))
    page = await five.list_requests(where, Sorter(), Paginator())
    assert page.total > 0, "a refused page leaves the connection usable"


@pytest.mark.parametrize("border", ["nobody", "", "a\0b", "\ud800", 7])
async def test_an_unknown_worker_as_border_is_told(five: DatabaseStore, border: int | str) -> None:
    with pytest.raises(WorkerNotFoundError, match=r"^worker not found$"):
        await five.list_workers(WorkerFilter(), Sorter(), Paginator(border=border))


async def test_pages_carry_jobs(five: DatabaseStore) -> None:
    worker = make_worker()
    await five.execute(registering(worker))
    job = await five.execute(granting(4, worker.uuid))
    page = await five.list_requests(RequestFilter(), Sorter(), Paginator())
    assert [request.job for request in page.items] == [None, None, None, job, None]


SHORT_PAGE = Paginator(limit=SHORT)


@pytest.mark.parametrize(
    ("where", "sorter", "paginator", "expected"),
    [
        (RequestFilter(), Sorter(), SHORT_PAGE, True),
        (RequestFilter(states=("WAITING",)), Sorter(item="ID"), Paginator(limit=1, border=7), True),
        (RequestFilter(), Sorter(), Paginator(limit=SHORT + 1), False),
        (RequestFilter(), Sorter(), Paginator(limit=0), False),
        (RequestFilter(), Sorter(item="deadline"), SHORT_PAGE, False),
        (RequestFilter(), Sorter(item="nothing"), SHORT_PAGE, False),
        (RequestFilter(priorities=(3,)), Sorter(), SHORT_PAGE, False),
        (RequestFilter(ids=(1, 2)), Sorter(), SHORT_PAGE, False),
        (RequestFilter(selector="arch=arm"), Sorter(), SHORT_PAGE, False),
        (RequestFilter(finished_after=START), Sorter(), SHORT_PAGE, False),
    ],
)
def test_only_short_pages_along_the_ids_are_read_on_the_loop(
    where: RequestFilter, sorter: Sorter, paginator: Paginator, expected: bool
) -> None:
    assert quick(where, sorter, paginator) is expected
