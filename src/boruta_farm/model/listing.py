"""Filters, sorting and pages of lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

MAX_PAGE_LIMIT = 65535
REQUEST_ITEMS = ("id", "priority", "deadline", "validafter", "state")
WORKER_ITEMS = ("uuid", "state", "groups", "name")
"""What lists can be sorted by, in any letter case."""


class SortOrder(StrEnum):
    """Which way a list is sorted."""

    ASCENDING = "ascending"
    DESCENDING = "descending"


class ListDirection(StrEnum):
    """Which way a list is traversed from the paginator's border."""

    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorter:
    """Name the item to sort by, any letter case; the id breaks ties in the same order."""

    item: str = "id"
    order: SortOrder = SortOrder.ASCENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Paginator:
    """Cut one page: up to ``limit`` items after (before, when backward) ``border``.

    ``border`` is an id (text for workers, number for requests) that must exist but need not
    match the filter; None starts at the respective end. A limit of 0 means the highest.
    """

    border: int | str | None = None
    direction: ListDirection = ListDirection.FORWARD
    limit: int = MAX_PAGE_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Keep requests that match every field that is neither None nor empty.

    ``states`` are texts because an unknown one matches nothing rather than being an error.
    ``finished_after`` keeps unfinished requests and those that finished later than that.
    ``shared_with`` keeps those that are shared with an account (an id; over HTTP
    always the caller's).
    ``selector`` looks at what a request asks for exactly and, under names of no capability, at
    ``id``, ``state``, ``priority``, ``owner``, ``worker`` (a UUID) and ``selector``.
    """

    ids: tuple[int, ...] | None = None
    priorities: tuple[int, ...] | None = None
    states: tuple[str, ...] | None = None
    finished_after: datetime | None = None
    shared_with: str | None = None
    selector: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFilter:
    """Keep workers that have all ``caps``, one of ``groups`` and one of ``states``, where given.

    ``selector`` looks at capabilities as a request's does and, under names of no capability, at
    ``name``, ``state``, ``groups`` and ``fence``.
    """

    caps: Mapping[str, str] | None = None
    groups: tuple[str, ...] | None = None
    states: tuple[str, ...] | None = None
    selector: str | None = None


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Tell how many finished requests were removed by policy, and the highest id among them."""

    count: int = 0
    up_to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """Carry one page.

    ``total`` counts the filtered list, ``remaining`` what lies beyond the page in the direction of
    travel. A page of large items ends before its limit: then more remains than the limit tells.
    ``removed`` are those that no list of requests shows any more.
    """

    items: tuple[Item, ...]
    total: int
    remaining: int
    removed: Removed = Removed()
