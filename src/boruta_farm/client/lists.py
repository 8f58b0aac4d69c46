"""Bodies that ask for lists, and the pages that come back."""

from collections.abc import Mapping
from typing import TypeVar

from boruta_farm.client.channel import Answer
from boruta_farm.model.errors import ProtocolError
from boruta_farm.model.listing import Page, Paginator, Sorter

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


def page_of(answer: Answer, items: tuple[Item, ...]) -> Page[Item]:
    """Return a page with the figures of the answer's headers.

    Servers before 0.2 send no figures: then the page is the whole list.
    """
    return Page(
        items=items,
        total=_figure(answer, "boruta-list-total", len(items)),
        remaining=_figure(answer, "boruta-list-remaining", 0),
    )


def _paginator(paginator: Paginator) -> dict[str, object]:
    body: dict[str, object] = {"Direction": paginator.direction.value, "Limit": paginator.limit}
    if paginator.border is not None:
        body["ID"] = paginator.border
    return body


def _figure(answer: Answer, name: str, default: int) -> int:
    text = answer.headers.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise ProtocolError(f"the server sent the header {name} being {text!r}, no number")
    return int(text)
