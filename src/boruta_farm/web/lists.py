"""List bodies as filters, sorters and pages, and pages as answers."""

import base64
import binascii
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from boruta_farm.model.errors import (
    ListDirectionError,
    RequestNotFoundError,
    SortOrderError,
)
from boruta_farm.model.listing import (
    MAX_PAGE_LIMIT,
    ListDirection,
    Page,
    Paginator,
    RequestFilter,
    Sorter,
    SortOrder,
    WorkerFilter,
)
from boruta_farm.web.bodies import (
    RequestFilterBody,
    RequestListBody,
    RequestPaginatorBody,
    SorterBody,
    WorkerListBody,
    WorkerPaginatorBody,
)
from boruta_farm.web.calls import JSON_TYPE, Answer, Header, Stream
from boruta_farm.web.errors import MalformedBodyError

Item = TypeVar("Item")

RECENT = timedelta(hours=24)
"""How far back a list without a specification shows finished requests."""

HIGHEST_ID = 2**63 - 1
NO_SUCH_ID = 0

TOTAL = b"boruta-list-total"
REMAINING = b"boruta-list-remaining"
BATCH_SIZE = b"boruta-list-batch-size"

NOTHING_LISTED: tuple[Header, ...] = ((TOTAL, b"0"), (REMAINING, b"0"), (BATCH_SIZE, b"0"))
"""Comes with errors: the original's client looks at these headers before the status."""


def request_filter(body: RequestListBody | None, now: datetime) -> RequestFilter | None:
    """Return which requests a list wants.

    No specification at all means what is unfinished or finished lately: clients that poll this
    way only watch for changes. An empty list of values filters nothing.
    """
    if body is None:
        return RequestFilter(finished_after=now - RECENT)
    if body.filter is not None:
        return _new_form(body.filter)
    if body.state or body.priority:
        return _old_form(body.state, body.priority)
    return None


def _new_form(body: RequestFilterBody) -> RequestFilter:
    ids = tuple(known_id(number) for number in body.ids or ())
    priorities: tuple[int, ...]
    if isinstance(body.priorities, str):
        try:
            priorities = tuple(base64.b64decode(body.priorities, validate=True))
        except (binascii.Error, ValueError) as error:
            raise MalformedBodyError(f"Priorities is not base64: {error}") from error
    else:
        priorities = tuple(body.priorities or ())
    return RequestFilter(
        ids=ids or None,
        priorities=priorities or None,
        states=_states(body.states),
        selector=body.selector or None,
    )


def _old_form(state: str | None, priority: str | None) -> RequestFilter:
    priorities: tuple[int, ...] | None = None
    if priority:
        number = priority.strip()
        fits = number.isascii() and number.isdigit() and len(number) < 4
        priorities = (int(number) if fits else NO_SUCH_ID,)
    return RequestFilter(states=_states((state,) if state else None), priorities=priorities)


def known_id(number: int) -> int:
    """Return an id, one that no request has in place of what no database can hold."""
    return number if number <= HIGHEST_ID else NO_SUCH_ID


def worker_filter(body: WorkerListBody | None) -> WorkerFilter | None:
    """Return which workers a list wants."""
    if body is None:
        return None
    if body.filter is not None:
        return WorkerFilter(
            caps=body.filter.capabilities or None,
            groups=_texts(body.filter.groups),
            states=_states(body.filter.states),
            selector=body.filter.selector or None,
        )
    if body.groups or body.capabilities:
        return WorkerFilter(caps=body.capabilities or None, groups=_texts(body.groups))
    return None


def sorter(body: SorterBody | None, item: str) -> Sorter | None:
    """Return how to sort, by ``item`` when none is named. Raises SortOrderError."""
    if body is None:
        return None
    try:
        order = SortOrder((body.order or SortOrder.ASCENDING).lower())
    except ValueError as error:
        raise SortOrderError from error
    return Sorter(item=body.item or item, order=order)


def paginator(body: RequestPaginatorBody | WorkerPaginatorBody | None) -> Paginator | None:
    """Return which page. Raises ListDirectionError, RequestNotFoundError for an absurd id."""
    if body is None:
        return None
    try:
        direction = ListDirection((body.direction or ListDirection.FORWARD).lower())
    except ValueError as error:
        raise ListDirectionError from error
    if isinstance(body.id, int) and body.id > HIGHEST_ID:
        raise RequestNotFoundError
    return Paginator(
        border=body.id or None, direction=direction, limit=body.limit or MAX_PAGE_LIMIT
    )


def list_answer(page: Page[Item], body: bytes) -> Answer:
    """Answer with an encoded page and the figures that go with it."""
    return Answer(
        status=200,
        headers=(
            JSON_TYPE,
            (TOTAL, b"%d" % page.total),
            (REMAINING, b"%d" % page.remaining),
            (BATCH_SIZE, b"%d" % len(page.items)),
        ),
        body=body,
    )


def _states(values: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return states as they are written: the original matches words in any letter case."""
    return _texts([value.upper() for value in values or ()])


def whole_list_answer(first: Page[Item], chunks: AsyncGenerator[bytes, None]) -> Stream:
    """Answer with a list that is too long for one page; the figures are those at its beginning."""
    total = b"%d" % first.total
    headers = (JSON_TYPE, (TOTAL, total), (REMAINING, b"0"), (BATCH_SIZE, total))
    return Stream(headers=headers, chunks=chunks)


def _texts(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(values) if values else None
