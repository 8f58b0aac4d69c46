"""What the stewards know of the farm: every worker and who holds it."""

from collections.abc import Callable

from boruta_farm.feed import Snapshot
from boruta_farm.model.events import Change, EventKind
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker


class Roster:
    """Follow workers and their live jobs; ``touched`` is called with each UUID that changed."""

    def __init__(self, touched: Callable[[str], None]) -> None:
        self.workers: dict[str, Worker] = {}
        self.holders: dict[str, Request] = {}
        self.generation = 0
        self.key_read: dict[str, int] = {}
        """By worker, the latest epoch known whose private key was handed out."""
        self._held: dict[int, str] = {}
        self._touched = touched

    def begin(self, snapshot: Snapshot) -> None:
        """Start over from a snapshot; every worker counts as changed."""
        self.generation += 1
        self.workers = {worker.uuid: worker for worker in snapshot.workers}
        self.holders.clear()
        self._held.clear()
        for request in snapshot.requests:
            self._fold_request(request)
        for uuid in self.workers:
            self._touched(uuid)

    def fold(self, changes: tuple[Change, ...]) -> None:
        """Take the changes that follow."""
        for change in changes:
            if change.worker is not None:
                self._fold_worker(change.worker, change.event.kind)
            if change.request is not None:
                self._fold_request(change.request)

    def _fold_worker(self, worker: Worker, kind: EventKind) -> None:
        if kind is EventKind.WORKER_DEREGISTERED:
            self.workers.pop(worker.uuid, None)
            self.key_read.pop(worker.uuid, None)
        else:
            self.workers[worker.uuid] = worker
        self._touched(worker.uuid)

    def _fold_request(self, request: Request) -> None:
        if request.job is not None and request.job.key_read:
            self.key_read[request.job.worker] = request.job.epoch
        job = request.live_job
        before = self._held.get(request.id)
        if before is not None and (job is None or job.worker != before):
            del self._held[request.id]
            if self.holders[before].id == request.id:
                del self.holders[before]
            self._touched(before)
        if job is not None:
            self._held[request.id] = job.worker
            self.holders[job.worker] = request
            self._touched(job.worker)
