"""Bodies that ask for lists, and the pages that come back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from boruta_farm.client.channel import GoodAnswer
from boruta_farm.model.errors import ProtocolError
from boruta_farm.model.listing import (
    MAX_PAGE_LIMIT,
    ListDirection,
    Page,
    Paginator,
    Removed,
    Sorter,
)
from boruta_farm.model.request import Request

Item = TypeVar("Item")


def list_body(
    fields: Mapping[str, object], sorter: Sorter | None, paginator: Paginator | None
) -> dict[str, object]:
    """Return the body of a list call; fields that are None or empty do not filter."""
    given = {key: value for key, value in fields.items() if value}
    return {
        "Filter": given or None,
        "Sorter": None if sorter is None else {"Item": sorter.item, "Order": sorter.order.value},
        "Paginator": None if paginator is None else _paginator(paginator),
    }


def page_of(answer: GoodAnswer, items: tuple[Item, ...]) -> Page[Item]:
    """Return a page with the figures of the answer's headers.

    Servers before 0.2 send no figures: then the page is the whole list.
    """
    return Page(
        items=items,
        total=_figure(answer, "boruta-list-total", len(items)),
        remaining=_figure(answer, "boruta-list-remaining", 0),
        removed=Removed(
            count=_figure(answer, "boruta-list-removed", 0),
            up_to=_figure(answer, "boruta-list-removed-up-to", 0),
        ),
    )


def following(paginator: Paginator, page: Page[Request]) -> Paginator | None:
    """Return what asks for the rest of a page that the server ended early, None if it did not."""
    left = (paginator.limit or MAX_PAGE_LIMIT) - len(page.items)
    if not page.items or not page.remaining or left <= 0:
        return None
    backward = paginator.direction is ListDirection.BACKWARD
    return replace(paginator, border=page.items[0 if backward else -1].id, limit=left)


def joined(paginator: Paginator, page: Page[Request], more: Page[Request]) -> Page[Request]:
    """Return a page together with its rest."""
    parts = (page.items, more.items)
    if paginator.direction is ListDirection.BACKWARD:
        parts = parts[::-1]
    return replace(page, items=sum(parts, ()), remaining=more.remaining)


def _paginator(paginator: Paginator) -> dict[str, object]:
    body: dict[str, object] = {"Direction": paginator.direction.value, "Limit": paginator.limit}
    if paginator.border is not None:
        body["ID"] = paginator.border
    return body


def _figure(answer: GoodAnswer, name: str, default: int) -> int:
    text = answer.headers.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise ProtocolError(f"the server sent the header {name} being {text!r}, no number")
    return int(text)
