"""What a job's life changes of a request and of its worker, written without all the rest.

A job moves its request twice and its worker three times. Most of both records never changes
meanwhile: writing it again would cost more than half of the time, and every index anew.
"""

from operator import attrgetter

from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker
from boruta_farm.store.dialect import Column
from boruta_farm.store.driver import Row
from boruta_farm.store.rows import micros, plain, some_micros
from boruta_farm.store.tables import REQUESTS, WORKERS


def _columns(table: tuple[Column, ...], names: str) -> tuple[Column, ...]:
    wanted = names.split()
    found = tuple(column for column in table if column.name in wanted)
    assert [column.name for column in found] == wanted, "in the order of the table"
    return found


REQUEST_MOVES = _columns(
    REQUESTS, "id state revision orphaned_since finished reason job_worker job_epoch"
)
WORKER_MOVES = _columns(
    WORKERS,
    "uuid state since epoch revision reason username host_key after_job idle_again"
    " unreachable_since",
)

_request_rest = attrgetter(
    *("owner", "owner_groups", "priority", "valid_after", "deadline", "caps", "selector"),
    *("created", "ssh_key", "keep_alive"),
)
_worker_rest = attrgetter(
    *("name", "caps", "groups", "fence", "dryad_address", "ssh_address", "port", "registered"),
    *("boot_id", "credential", "credential_since", "next_credential", "asked_name", "facts"),
    *("recoveries", "reach"),
)


def request_only_moved(before: Request, after: Request) -> bool:
    """Tell whether ``request_move`` holds all that has changed."""
    return bool(_request_rest(before) == _request_rest(after))


def request_move(request: Request) -> Row:
    """Return a request's changes in the order of ``REQUEST_MOVES``."""
    job = request.job
    return (
        request.id,
        request.state.value,
        request.revision,
        some_micros(request.orphaned_since),
        some_micros(request.finished),
        plain(request.reason),
        None if job is None else job.worker,
        None if job is None else job.epoch,
    )


def worker_only_moved(before: Worker, after: Worker) -> bool:
    """Tell whether ``worker_move`` holds all that has changed."""
    return bool(_worker_rest(before) == _worker_rest(after))


def worker_move(worker: Worker) -> Row:
    """Return a worker's changes in the order of ``WORKER_MOVES``."""
    return (
        worker.uuid,
        worker.state.value,
        micros(worker.since),
        worker.epoch,
        worker.revision,
        plain(worker.reason),
        plain(worker.username),
        plain(worker.host_key),
        worker.after_job,
        worker.idle_again,
        some_micros(worker.unreachable_since),
    )
