"""Which workers a verb is meant for: names, unique prefixes, capabilities, or all."""

import difflib
from collections.abc import Mapping, Sequence
from operator import attrgetter

import typer

from boruta_farm.client.farm import Farm
from boruta_farm.model.errors import NotFoundError, WorkerNotFoundError
from boruta_farm.model.listing import WorkerFilter
from boruta_farm.model.spelling import folded
from boruta_farm.model.worker import Worker


class AmbiguousWorkerError(NotFoundError):
    """more than one worker's name begins like this"""

    code = "ambiguous-worker"


def named(workers: Sequence[Worker], given: str) -> Worker | None:
    """Return the worker with this UUID, else with this name, however they are spelt."""
    for spelt in (str, folded):
        for of in (attrgetter("uuid"), attrgetter("name")):
            found = next((w for w in workers if spelt(of(w)) == spelt(given)), None)
            if found is not None:
                return found
    return None


def find_worker(workers: Sequence[Worker], given: str) -> Worker:
    """Return the worker with this name or UUID, or the only one that begins so.

    Raises WorkerNotFoundError and AmbiguousWorkerError with the names that come near.
    """
    worker = named(workers, given)
    if worker is not None:
        return worker
    start = folded(given)
    found = [w for w in workers if folded(w.name).startswith(start) or w.uuid.startswith(start)]
    if given and len(found) == 1:
        return found[0]
    if given and found:
        names = ", ".join(sorted(worker.name for worker in found))
        raise AmbiguousWorkerError(f"{given!r} could be {names}; write more of the name")
    near = difflib.get_close_matches(start, [folded(worker.name) for worker in workers], n=3)
    meant = [worker.name for worker in workers if folded(worker.name) in near]
    hint = f"did you mean {' or '.join(meant)}?" if meant else "see: boruta workers"
    raise WorkerNotFoundError(f"there is no worker {given!r}; {hint}")


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
