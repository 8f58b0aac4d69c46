"""What the database held before a batch, remembered from one batch to the next."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping

from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker
from boruta_farm.store.records import Records

KEPT = 4096
"""Requests, and workers, remembered: a job's records are asked for again within moments."""


class Committed:
    """Remember what the writer itself has written or read.

    Every change of a request or worker is journalled in its own transaction, so what is
    remembered is true for as long as the journal's last number is the one that was left here:
    whatever else writes to the database makes all of it be forgotten.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._number = -1
        # These forget their first key at once; a plain dictionary looks past all it had before it.
        self.requests: OrderedDict[int, Request] = OrderedDict()
        self.workers: OrderedDict[str, Worker] = OrderedDict()
        self.ports: dict[str, int] | None = None
        """Of every worker, once somebody has asked for them."""

    def as_of(self, number: int) -> None:
        """Begin a batch, given the number of the newest event in the database."""
        if number != self._number:
            self.forget()
            self._number = number

    def forget(self) -> None:
        """Know nothing any more."""
        self._number = -1
        self.requests.clear()
        self.workers.clear()
        self.ports = None

    def keep_request(self, request: Request) -> None:
        """Remember a request, in place of the one not touched for longest."""
        self.requests.pop(request.id, None)
        self.requests[request.id] = request
        if len(self.requests) > self._kept:
            self.requests.popitem(last=False)

    def keep_worker(self, worker: Worker) -> None:
        """Remember a worker, in place of the one not touched for longest."""
        self.workers.pop(worker.uuid, None)
        self.workers[worker.uuid] = worker
        if len(self.workers) > self._kept:
            self.workers.popitem(last=False)

    def take(
        self,
        number: int,
        requests: Iterable[Request],
        jobs: Iterable[Job],
        workers: Mapping[str, Worker | None],
    ) -> None:
        """Take over what was committed up to this event; a worker of None is gone."""
        self._number = number
        for request in requests:
            self.keep_request(request)
        for job in jobs:
            known = self.requests.get(job.request_id)
            if known is not None and known.job is not job:
                # The job was saved by itself: its request is not what it was any more.
                del self.requests[job.request_id]
        for uuid, worker in workers.items():
            if worker is None:
                self.workers.pop(uuid, None)
            else:
                self.keep_worker(worker)
            if self.ports is not None:
                if worker is None:
                    self.ports.pop(uuid, None)
                else:
                    self.ports[uuid] = worker.port


class Loaded:
    """Show one batch what the database held before it."""

    def __init__(self, records: Records, committed: Committed) -> None:
        self.records = records
        self._committed = committed
        self._requests: dict[int, Request | None] = {}
        self._workers: dict[str, Worker | None] = {}

    def request(self, request_id: int) -> Request | None:
        """Return the stored request."""
        if request_id not in self._requests:
            found = self._committed.requests.get(request_id)
            if found is None and (found := self.records.request(request_id)) is not None:
                self._committed.keep_request(found)
            self._requests[request_id] = found
        return self._requests[request_id]

    def worker(self, uuid: str) -> Worker | None:
        """Return the stored worker."""
        if uuid not in self._workers:
            found = self._committed.workers.get(uuid)
            if found is None and (found := self.records.worker(uuid)) is not None:
                self._committed.keep_worker(found)
            self._workers[uuid] = found
        return self._workers[uuid]

    def worker_named(self, name: str) -> Worker | None:
        """Return the stored worker of this name."""
        worker = self.records.worker_named(name)
        if worker is not None:
            self._workers[worker.uuid] = worker
        return worker

    def ports(self) -> Collection[int]:
        """Return the ports of all stored workers."""
        if self._committed.ports is None:
            self._committed.ports = self.records.ports()
        return self._committed.ports.values()
