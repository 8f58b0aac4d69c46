"""The worker that a name means, as people type it."""

from collections.abc import Collection
from operator import attrgetter

from boruta_farm.model.errors import AmbiguousWorkerError, WorkerNotFoundError
from boruta_farm.model.spelling import folded
from boruta_farm.model.worker import Worker
from boruta_farm.selectors.hints import near


def named(workers: Collection[Worker], given: str) -> Worker | None:
    """Return the worker with this UUID, else with this name, however they are spelt."""
    for spelt in (str, folded):
        for of in (attrgetter("uuid"), attrgetter("name")):
            found = next((w for w in workers if spelt(of(w)) == spelt(given)), None)
            if found is not None:
                return found
    return None


def beginning(workers: Collection[Worker], given: str) -> Worker | None:
    """Return the only worker whose name or UUID begins so, None where none does.

    Raises AmbiguousWorkerError with the names of several.
    """
    start = folded(given)
    found = [w for w in workers if folded(w.name).startswith(start) or w.uuid.startswith(start)]
    if not given or not found:
        return None
    if len(found) > 1:
        names = ", ".join(sorted(worker.name for worker in found))
        raise AmbiguousWorkerError(f"{given!r} could be {names}; write more of the name")
    return found[0]


def find_worker(workers: Collection[Worker], given: str) -> Worker:
    """Return the worker with this name or UUID, or the only one that begins so.

    Raises WorkerNotFoundError and AmbiguousWorkerError with the names that come near.
    """
    worker = named(workers, given) or beginning(workers, given)
    if worker is not None:
        return worker
    meant = near(given, [worker.name for worker in workers])
    hint = f"did you mean {' or '.join(meant)}?" if meant else "see: boruta workers"
    raise WorkerNotFoundError(f"there is no worker {given!r}; {hint}")
