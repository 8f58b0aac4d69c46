"""List bodies as filters, sorters and pages, and pages as answers."""

import base64
import binascii
import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    ListDirectionError,
    OverloadedError,
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
from boruta_farm.records.writing import Json
from boruta_farm.web.answers import encode
from boruta_farm.web.bodies import (
    RequestFilterBody,
    RequestListBody,
    RequestPaginatorBody,
    SorterBody,
    WorkerListBody,
    WorkerPaginatorBody,
)
from boruta_farm.web.calls import JSON_TYPE, Answer, Call, Header, Stream
from boruta_farm.web.errors import MalformedBodyError
from boruta_farm.web.headers import takes_gzip

Item = TypeVar("Item")

RECENT = timedelta(hours=24)
"""How far back a list without a specification shows finished requests."""

WRITTEN_TOGETHER = 256 * 1024
"""Bytes of a list that are written at once."""

PACKED: tuple[Header, ...] = ((b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"))
PACKED_BY = 5
"""Of zlib's levels: the next ones win a hundredth and cost half as much again."""

HIGHEST_ID = 2**63 - 1
NO_SUCH_ID = 0

TOTAL = b"boruta-list-total"
REMAINING = b"boruta-list-remaining"
BATCH_SIZE = b"boruta-list-batch-size"

REMOVED = b"boruta-list-removed"
REMOVED_UP_TO = b"boruta-list-removed-up-to"

NOTHING_LISTED: tuple[Header, ...] = ((TOTAL, b"0"), (REMAINING, b"0"), (BATCH_SIZE, b"0"))
"""Comes with errors: the original's client looks at these headers before the status."""


def request_filter(
    body: RequestListBody | None, now: datetime, caller: Caller
) -> RequestFilter | None:
    """Return which requests a list wants; what is shared is what is shared with the caller.

    No specification at all means what is unfinished or finished lately: clients that poll this
    way only watch for changes. An empty list of values filters nothing.
    """
    if body is None:
        return RequestFilter(finished_after=now - RECENT)
    if body.filter is not None:
        wanted = _new_form(body.filter)
        return replace(wanted, shared_with=caller.id) if body.filter.shared else wanted
    if body.state or body.priority:
        return _old_form(body.state, body.priority)
    return None


def _new_form(body: RequestFilterBody) -> RequestFilter:
    ids = tuple(body.ids or ())
    if ids and max(ids) > HIGHEST_ID:
        ids = tuple(map(known_id, ids))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Lister(Generic[Item]):
    """Answer with lists of one kind, whole or page by page.

    ``noun`` names the items in words, ``key`` the sort item by which a list is read on, ``border``
    returns an item's place in it, and ``write`` its JSON. ``packs`` compresses a list that is one
    page, for pages in browsers: programs beside the server have the processor pay for nothing.
    """

    noun: str
    key: str
    border: Callable[[Item], int | str]
    write: Callable[[Item], bytes]
    packs: bool = False

    def narrowed(self, call: Call, show: Callable[[Item], Json]) -> "Lister[Item]":
        """Return one that tells only the keys that a call's ``fields`` name, where it has them."""
        names = frozenset(name for given in call.query("fields") for name in given.split(","))
        if not names:
            return self

        def write(item: Item) -> bytes:
            return encode({key: value for key, value in show(item).items() if key in names})

        return replace(self, write=write, packs=takes_gzip(call.header(b"accept-encoding") or ""))

    def answer(
        self,
        page: Page[Item],
        by: Sorter | None,
        wanted: Paginator | None,
        read_on: Callable[[Paginator], Awaitable[Page[Item]]],
    ) -> Answer | Stream:
        """Answer with a page, or, where none was ``wanted``, with all that begins with it.

        Raises OverloadedError for a long list in another order than the key's: what has changed
        between two pages would be told twice, or not at all.
        """
        whole = wanted is None and page.remaining > 0
        headers: tuple[Header, ...] = (
            JSON_TYPE,
            (TOTAL, b"%d" % page.total),
            (REMAINING, b"%d" % (0 if whole else page.remaining)),
            (BATCH_SIZE, b"%d" % (page.total if whole else len(page.items))),
        )
        if page.removed.count:
            headers += (
                (REMOVED, b"%d" % page.removed.count),
                (REMOVED_UP_TO, b"%d" % page.removed.up_to),
            )
        if not whole:
            body = b"[%b]" % b",".join(map(self.write, page.items))
            if self.packs:
                headers += PACKED
                body = gzip.compress(body, PACKED_BY, mtime=0)
            return Answer(status=200, headers=headers, body=body)
        if by is not None and by.item.lower() not in ("", "id", self.key):
            raise OverloadedError(
                f"a list of {page.total} {self.noun} in this order is too long for one answer; ask "
                "for it page by page, with a Paginator"
            )
        return Stream(headers=headers, chunks=self._chunks(page, read_on))

    async def _chunks(
        self, page: Page[Item], read_on: Callable[[Paginator], Awaitable[Page[Item]]]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the pages of a list in turn; each is read when the one before it was written.

        Where one cannot be read, the text ends without its closing bracket: it is then no JSON,
        and nobody takes it for the whole list.
        """
        text = _Text()
        while True:
            for item in page.items:
                if text.add(self.write(item)):
                    yield text.take()
            if not (page.remaining and page.items):
                break
            yield text.take()
            page = await read_on(Paginator(border=self.border(page.items[-1])))
        yield text.end()


class _Text:
    """Gather the text of a list into pieces."""

    def __init__(self) -> None:
        self._piece = bytearray()
        self._sign = b"["

    def add(self, item: bytes) -> bool:
        """Add an item; tell whether the piece is long enough to be written."""
        self._piece += self._sign + item
        self._sign = b","
        return len(self._piece) >= WRITTEN_TOGETHER

    def take(self) -> bytes:
        """Return the piece, and begin another."""
        piece, self._piece = bytes(self._piece), bytearray()
        return piece

    def end(self) -> bytes:
        """Return the last piece, with which the text is whole."""
        return self.take() + (b"[]" if self._sign == b"[" else b"]")


def whole_list(items: Iterable[Item], write: Callable[[Item], bytes]) -> Stream:
    """Answer with a list that lies in memory, written piece by piece."""

    async def chunks() -> AsyncGenerator[bytes, None]:
        text = _Text()
        for item in items:
            if text.add(write(item)):
                yield text.take()
        yield text.end()

    return Stream(headers=(JSON_TYPE,), chunks=chunks())


def _states(values: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return states as they are written: the original matches words in any letter case."""
    # A list may repeat a hundred thousand times what there are five of.
    return _texts([value.upper() for value in dict.fromkeys(values or ())])


def _texts(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(values) if values else None
