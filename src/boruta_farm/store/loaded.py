"""What the database held before a batch, as its commands see it."""

from collections.abc import Collection

from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker
from boruta_farm.store.committed import Committed
from boruta_farm.store.records import Records


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
            found = self._committed.request(request_id)
            if found is None and (found := self.records.request(request_id)) is not None:
                self._committed.keep_current(found)
            self._requests[request_id] = found
        return self._requests[request_id]

    def backlog(self, owner: str) -> int:
        """Return how much an owner's waiting requests held together."""
        known = self._committed.backlogs.get(owner)
        if known is None:
            known = self.records.backlog(owner)
            self._committed.keep_backlog(owner, known)
        return known

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
