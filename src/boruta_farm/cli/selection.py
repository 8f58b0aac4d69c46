"""Which workers a verb is meant for: names, unique prefixes, capabilities, or all.

And which request a board in hand is of.
"""

import shlex
from collections.abc import Mapping, Sequence

import typer

from boruta_farm.client.farm import Farm
from boruta_farm.model.errors import NotFoundError, WorkerNotFoundError
from boruta_farm.model.listing import RequestFilter, WorkerFilter
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import Worker
from boruta_farm.selectors.workers import find_worker


def check_choice(names: Sequence[str], caps: Mapping[str, str], everyone: bool) -> None:
    """Raise BadParameter unless workers were chosen in exactly one way."""
    if (bool(names) + bool(caps) + everyone) != 1:
        raise typer.BadParameter("name workers, or choose them with -c NAME=VALUE, or take --all")


async def choose_workers(
    farm: Farm, names: Sequence[str], caps: Mapping[str, str]
) -> tuple[Worker, ...]:
    """Return the named workers in their order, else those with all ``caps``.

    Raises WorkerNotFoundError also when no worker has the capabilities.
    """
    where = WorkerFilter(caps=dict(caps)) if caps else None
    page = await farm.workers.list_workers(farm.caller, where)
    if names:
        found = {w.uuid: w for w in (find_worker(page.items, name) for name in names)}
        return tuple(found.values())
    if not page.items:
        wanted = " ".join(f"{name}={value}" for name, value in caps.items())
        words = f"no worker has {wanted}" if caps else "no worker is registered"
        raise WorkerNotFoundError(f"{words}; see: boruta workers")
    return page.items


async def one_worker(farm: Farm, name: str) -> Worker:
    """Return the worker with this name or unique prefix."""
    return (await choose_workers(farm, [name], {}))[0]


async def running_on(farm: Farm, board: str) -> int:
    """Return the request that holds a board. Raises NotFoundError."""
    worker = await one_worker(farm, board)
    where = RequestFilter(states=(RequestState.IN_PROGRESS,), selector=f"worker={worker.uuid}")
    page = await farm.requests.list_requests(farm.caller, where)
    if not page.items:
        raise NotFoundError(
            f"{worker.name} is lent to nobody; borrow it: boruta ssh {shlex.quote(worker.name)}"
        )
    return page.items[0].id
