"""Which workers a verb is meant for: names, unique prefixes, capabilities, or all."""

from collections.abc import Mapping, Sequence

import typer

from boruta_farm.client.farm import Farm
from boruta_farm.model.errors import WorkerNotFoundError
from boruta_farm.model.listing import WorkerFilter
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
