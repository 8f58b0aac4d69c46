"""Records as they were last committed: the one memory of requests that writer and readers share."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker

KEPT = 16_384
"""Requests kept, about 0.5 KiB each: what the pages that people and scripts leaf through hold, and
far more than a job's commands, which ask for its records again within moments."""
WORKERS_KEPT = 4096
OWNERS_KEPT = 4096


class Committed:
    """Remember what was written, and what was read, of requests and workers.

    Every committed change of a request or of its job raises the request's revision, so id and
    revision name its content for good: who reads the revision from the database first may always
    use what is kept here, also when other servers write.

    A request is *current* when not even that need be asked: the writer has written or read it,
    and nobody else has written since. Every change is journalled in its own transaction, so that
    holds for as long as the journal's last number is the one that the writer left. Where nobody
    else can write (``alone``: a data folder is locked by its server), readers use current requests
    too, and what they read is current unless something was committed meanwhile.

    Used by several threads: looking up is one step of a dictionary, the rest is locked.
    """

    def __init__(self, kept: int = KEPT, *, alone: bool = False) -> None:
        self._kept = kept
        self._alone = alone
        self._lock = threading.Lock()
        self._number = -1
        self._era = 0
        self._taken = 0
        # Forgets its first key at once; a plain dictionary looks past all it had before it.
        self._requests: OrderedDict[int, tuple[Request, int]] = OrderedDict()
        self.workers: OrderedDict[str, Worker] = OrderedDict()
        """For the writer alone, after ``as_of``."""
        self.backlogs: dict[str, int] = {}
        """What the waiting requests of owners hold, as far as asked for; for the writer alone."""
        self.ports: dict[str, int] | None = None
        """Of every worker, once somebody has asked for them; for the writer alone."""

    def request(self, request_id: int) -> Request | None:
        """Return a request if it is current; for the writer, after ``as_of``."""
        known = self._requests.get(request_id)
        return known[0] if known is not None and known[1] == self._era else None

    def current(self, request_id: int) -> Request | None:
        """Return a request if it is current; for readers."""
        return self.request(request_id) if self._alone else None

    def get(self, request_id: int, revision: int) -> Request | None:
        """Return a request as of a revision, if it is kept."""
        known = self._requests.get(request_id)
        return known[0] if known is not None and known[0].revision == revision else None

    def mark(self) -> tuple[int, int] | None:
        """Return what is to be given to ``keep`` for what is read from now on."""
        return (self._era, self._taken) if self._alone else None

    def keep(self, request: Request, mark: tuple[int, int] | None = None) -> None:
        """Keep what was read, unless something newer is known."""
        with self._lock:
            era = self._era if mark == (self._era, self._taken) else -1
            known, since = self._requests.get(request.id, (request, -1))
            if known.revision < request.revision:
                known, since = request, -1
            if known.revision == request.revision:
                self._put(known, max(era, since))

    def as_of(self, number: int) -> None:
        """Begin a batch, given the number of the newest event in the database."""
        if number != self._number:
            self.forget()
            self._number = number

    def forget(self) -> None:
        """Be certain of nothing any more."""
        with self._lock:
            self._number = -1
            self._era += 1
            self.workers.clear()
            self.backlogs.clear()
            self.ports = None

    def clear(self) -> None:
        """Keep nothing: another database may be there, in which a revision says something else."""
        with self._lock:
            self._requests.clear()
        self.forget()

    def keep_current(self, request: Request) -> None:
        """Keep a request that the writer has read in its transaction."""
        with self._lock:
            self._put(request, self._era)

    def keep_backlog(self, owner: str, size: int) -> None:
        """Remember what an owner's waiting requests hold: each that is filed asks for it."""
        if len(self.backlogs) >= OWNERS_KEPT:
            self.backlogs.clear()
        self.backlogs[owner] = size

    def keep_worker(self, worker: Worker) -> None:
        """Remember a worker, in place of the one not touched for longest."""
        self.workers.pop(worker.uuid, None)
        self.workers[worker.uuid] = worker
        if len(self.workers) > WORKERS_KEPT:
            self.workers.popitem(last=False)

    def take(
        self,
        number: int,
        requests: Iterable[Request],
        jobs: Iterable[Job],
        workers: Mapping[str, Worker | None],
        removed: Iterable[int] = (),
        backlogs: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Take over what was committed up to this event.

        A worker of None is gone, and so are requests by the ids ``removed``; ``backlogs`` have
        grown by so much.
        """
        self._number = number
        with self._lock:
            self._taken += 1
            for request_id in removed:
                self._requests.pop(request_id, None)
            for request in requests:
                self._put(request, self._era)
            for job in jobs:
                known = self._requests.get(job.request_id)
                if known is not None and known[0].job is not job:
                    # The job was saved by itself: its request is not what it was any more.
                    del self._requests[job.request_id]
        for owner, size in backlogs.items():
            if owner in self.backlogs:
                self.backlogs[owner] += size
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

    def _put(self, request: Request, era: int) -> None:
        """Keep a request, in place of the one not touched for longest."""
        self._requests.pop(request.id, None)
        self._requests[request.id] = request, era
        if len(self._requests) > self._kept:
            self._requests.popitem(last=False)
