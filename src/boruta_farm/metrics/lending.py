"""What lending counts: events, how long people waited and boards were prepared and lent."""

from collections import Counter
from datetime import datetime, timedelta

from boruta_farm.histogram import Histogram
from boruta_farm.model.events import Change, EventKind
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState

WAITED = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
PREPARED = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900)
LENT = (10, 60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600)
"""Bounds in seconds."""


class Lending:
    """Count what is committed; ``hear`` is a listener of the store and never blocks.

    ``events`` counts by kind, ``finished`` requests by their final state, ``failures`` boards that
    failed by the state in which they did: their reasons are texts and no labels. ``waited`` are the
    seconds from when a request was filed and valid until its job began, ``prepared`` those of
    boards from PREPARE to IDLE, ``lent`` those of jobs. All count from this server's start.
    """

    def __init__(self) -> None:
        self.events: Counter[EventKind] = Counter()
        self.finished: Counter[RequestState] = Counter()
        self.failures: Counter[WorkerState] = Counter()
        self.waited, self.prepared, self.lent = (
            Histogram(WAITED),
            Histogram(PREPARED),
            Histogram(LENT),
        )
        self._states: dict[str, tuple[WorkerState, datetime]] = {}

    def hear(self, changes: tuple[Change, ...]) -> None:
        """Count committed changes."""
        for change in changes:
            kind = change.event.kind
            self.events[kind] += 1
            if kind is EventKind.REQUEST_STARTED and change.request is not None:
                request = change.request
                _note(self.waited, change.event.at - max(request.created, request.valid_after))
            elif kind is EventKind.REQUEST_FINISHED and change.request is not None:
                self._over(change.request, change.event.at)
            elif change.worker is not None:
                self._turned(change.worker, kind)

    def _over(self, request: Request, at: datetime) -> None:
        self.finished[request.state] += 1
        if request.job is not None and request.state is not RequestState.CANCELLED:
            _note(self.lent, at - request.job.granted)

    def _turned(self, worker: Worker, kind: EventKind) -> None:
        """Note a board's state, and what it has come from where that is known."""
        before = self._states.get(worker.uuid)
        if kind.removes:
            self._states.pop(worker.uuid, None)
        elif before is None or before[0] is not worker.state:
            self._states[worker.uuid] = worker.state, worker.since
        if before is None or before[0] is worker.state:
            return
        if worker.state is WorkerState.FAILED:
            self.failures[before[0]] += 1
        elif before[0] is WorkerState.PREPARE and worker.state is WorkerState.IDLE:
            _note(self.prepared, worker.since - before[1])


def _note(histogram: Histogram, time: timedelta) -> None:
    # A step of the farm's time may lie between the two moments.
    histogram.note(max(0.0, time.total_seconds()))
