"""Pages cut from lists in memory."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from boruta_farm.model.listing import ListDirection, Page, Paginator

Item = TypeVar("Item")


def cut(
    ordered: Sequence[Item],
    key: Callable[[Item], int | str],
    matches: Callable[[Item], bool],
    paginator: Paginator,
) -> Page[Item]:
    """Return the page that a paginator describes; its border need not match the filter."""
    backward = paginator.direction is ListDirection.BACKWARD
    places = {key(item): place for place, item in enumerate(ordered)}
    matching = [item for item in ordered if matches(item)]
    if paginator.border is None:
        beyond = matching
    else:
        border = places[paginator.border]
        beyond = [
            item
            for item in matching
            if (places[key(item)] < border if backward else places[key(item)] > border)
        ]
    items = beyond[-paginator.limit :] if backward else beyond[: paginator.limit]
    return Page(items=tuple(items), total=len(matching), remaining=len(beyond) - len(items))
