"""What the shell offers at the Tab key, asked of the farm: names, ids, capabilities."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    # Every verb offers something, and no verb is held up by what only the Tab key needs.
    from boruta_farm.client.farm import Farm

PLAIN = re.compile(r"[\w@%+=:,./-]+")
"""What every shell takes as it stands, letters of all scripts among it."""
PATIENCE = 3.0
"""Seconds after which nothing is offered."""


def worker_names(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of workers."""
    return _offered(context, incomplete, _names)


def request_ids(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the ids of requests that wait or run."""
    return _offered(context, incomplete, _ids)


def names_and_ids(context: typer.Context, incomplete: str) -> list[str]:
    """Offer names of workers and ids of requests."""

    async def both(farm: "Farm") -> Iterable[str]:
        return (*await _names(farm), *await _ids(farm))

    return _offered(context, incomplete, both)


def capabilities(context: typer.Context, incomplete: str) -> list[str]:
    """Offer what boards have, as NAME=VALUE."""
    return _offered(context, incomplete, _capabilities)


async def _names(farm: "Farm") -> Iterable[str]:
    return (worker.name for worker in (await farm.workers.list_workers(farm.caller)).items)


async def _ids(farm: "Farm") -> Iterable[str]:
    from boruta_farm.model.listing import RequestFilter
    from boruta_farm.model.request import UNFINISHED

    where = RequestFilter(states=UNFINISHED)
    page = await farm.requests.list_requests(farm.caller, where)
    return (str(request.id) for request in page.items)


async def _capabilities(farm: "Farm") -> Iterable[str]:
    from boruta_farm.model.worker import UUID_CAPABILITY

    return (
        f"{name}={value}"
        for worker in (await farm.workers.list_workers(farm.caller)).items
        for name, value in worker.matched.items()
        if name != UUID_CAPABILITY
    )


def _offered(
    context: typer.Context, incomplete: str, find: Callable[["Farm"], Awaitable[Iterable[str]]]
) -> list[str]:
    """Return what begins as typed; nothing where the farm cannot be asked: the line is not over."""
    import asyncio

    from boruta_farm.client import config as configuration
    from boruta_farm.client.farm import connect
    from boruta_farm.model.errors import BorutaError

    given = context.find_root().params

    async def ask() -> Iterable[str]:
        config = configuration.load(
            server=given.get("server"), profile=given.get("profile"), ca_file=given.get("ca_file")
        )
        async with asyncio.timeout(PATIENCE), connect(config) as farm:
            return await find(farm)

    try:
        found = asyncio.run(ask())
    except (BorutaError, TimeoutError):
        return []
    # Bash puts what is offered onto the line as it is: $(id) of a board would be run with it.
    return sorted({text for text in found if text.startswith(incomplete) and PLAIN.fullmatch(text)})
