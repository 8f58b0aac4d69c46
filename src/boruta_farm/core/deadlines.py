"""What falls due when: every time in the farm at which something must be done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from boruta_farm.core.jobs import enforced_end
from boruta_farm.core.moments import micros, moment
from boruta_farm.core.ranks import Ranks
from boruta_farm.core.readying import SETTLING
from boruta_farm.model.events import Change, EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.waiting import Waiting
from boruta_farm.model.worker import Worker, WorkerState

RETRY = timedelta(seconds=1)
"""How long after being handed out an item that nothing has settled is handed out again."""

DUE_LIMIT = 256

_NUMBER_BITS = 48
_KIND_BITS = 4


class DueKind(IntEnum):
    """What is over."""

    REQUEST_DEADLINE = 0
    JOB_END = 1
    KEEP_ALIVE = 2
    OPENING = 3
    ORPHANED = 4
    WORKER_STATE = 5
    READYING = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Name a time that has passed, of a request or (``WORKER_STATE``) of a worker.

    ``at`` is when it passed, for a repeated item when it was to be repeated.
    """

    kind: DueKind
    at: datetime
    request_id: int | None = None
    worker: str | None = None


class Deadlines:
    """Keep all times in one order.

    Requests: deadline and, once orphaned, the end of the patience with that, while WAITING; a
    READYING job's time for flashing and booting; an OPENING job's for installing the caller's key;
    a LIVE job's end, as late as the server may act, and its keep-alive. Workers: PREPARE and BUSY.
    That a request becomes valid is not here, because nothing is written then: the matching index
    wakes up for it.
    """

    def __init__(self, settings: FarmSettings) -> None:
        self._settings = settings
        self._order: Ranks[int] = Ranks()
        self._codes: dict[int, int | tuple[int, ...]] = {}
        self._worker_codes: dict[int, int] = {}
        self._numbers: dict[str, int] = {}
        self._uuids: dict[int, str] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._order)

    def fold(self, change: Change) -> None:
        """Take in one committed change."""
        if change.request is not None:
            self.put_request(change.request)
        if change.worker is not None:
            if change.event.kind is EventKind.WORKER_DEREGISTERED:
                self.remove_worker(change.worker.uuid)
            else:
                self.put_worker(change.worker)

    def put_request(self, request: Request) -> None:
        """Take in a request as it is now, whatever its state."""
        number = request.id
        old = self._codes.pop(number, ())
        if (
            request.job is None
            and request.state is RequestState.WAITING
            and request.orphaned_since is None
        ):
            # Most there ever are: filed and waiting, with a deadline and nothing else.
            codes: tuple[int, ...] = (_code(request.deadline, DueKind.REQUEST_DEADLINE, number),)
        else:
            codes = tuple(_code(at, kind, number) for kind, at in self._of_request(request))
        for code in old if isinstance(old, tuple) else (old,):
            self._order.remove(code)
        for code in codes:
            self._order.add(code)
        if codes:
            self._codes[number] = codes if len(codes) > 1 else codes[0]

    def put_waiting(self, waiting: Waiting) -> None:
        """Take in a request that is not known yet, waits and has no job."""
        number = waiting.id
        code = _packed(waiting.deadline, DueKind.REQUEST_DEADLINE, number)
        self._order.add(code)
        if waiting.orphaned_since is None:
            self._codes[number] = code
            return
        end = moment(waiting.orphaned_since) + self._settings.invalid_after
        orphaned = _code(end, DueKind.ORPHANED, number)
        self._order.add(orphaned)
        self._codes[number] = code, orphaned

    def put_worker(self, worker: Worker) -> None:
        """Take in a registered worker as it is now."""
        self.remove_worker(worker.uuid)
        if worker.state in (WorkerState.PREPARE, WorkerState.BUSY):
            self._last_number += 1
            number = self._last_number
            at = worker.since + self._settings.prepare_timeout
            code = _code(at, DueKind.WORKER_STATE, number)
            self._order.add(code)
            self._worker_codes[number] = code
            self._numbers[worker.uuid] = number
            self._uuids[number] = worker.uuid

    def remove_worker(self, uuid: str) -> None:
        """Forget a worker, harmless when it is unknown."""
        number = self._numbers.pop(uuid, None)
        if number is not None:
            del self._uuids[number]
            self._order.remove(self._worker_codes.pop(number))

    def next_due(self) -> datetime | None:
        """Return when the next item falls due or is due again."""
        first = self._order.lowest
        return None if first is None else moment(first >> _NUMBER_BITS + _KIND_BITS)

    def due(self, now: datetime, limit: int = DUE_LIMIT) -> tuple[Due, ...]:
        """Return what is due, the earliest first.

        An item stays due until a change settles it, but is not returned again before ``RETRY``
        has passed.
        """
        items: list[Due] = []
        until = micros(now)
        again = micros(now + RETRY)
        while len(items) < limit and (code := self._order.lowest) is not None:
            at = code >> _NUMBER_BITS + _KIND_BITS
            if at > until:
                break
            items.append(self._item(code))
            self._postpone(code, again)
        return tuple(items)

    def _of_request(self, request: Request) -> Iterator[tuple[DueKind, datetime]]:
        settings = self._settings
        job = request.live_job
        if request.state is RequestState.WAITING:
            yield DueKind.REQUEST_DEADLINE, request.deadline
            if request.orphaned_since is not None and job is None:
                yield DueKind.ORPHANED, request.orphaned_since + settings.invalid_after
        if job is None:
            return
        if job.phase is JobPhase.READYING:
            yield DueKind.READYING, job.granted + settings.ready_timeout + SETTLING
            return
        if job.phase is JobPhase.OPENING:
            yield DueKind.OPENING, job.granted + settings.opening_timeout
            return
        yield DueKind.JOB_END, enforced_end(job, settings)
        if job.keep_alive_until is not None:
            yield DueKind.KEEP_ALIVE, job.keep_alive_until

    def _item(self, code: int) -> Due:
        number = code & (1 << _NUMBER_BITS) - 1
        kind = DueKind(code >> _NUMBER_BITS & (1 << _KIND_BITS) - 1)
        at = moment(code >> _NUMBER_BITS + _KIND_BITS)
        if kind is DueKind.WORKER_STATE:
            return Due(kind=kind, at=at, worker=self._uuids[number])
        return Due(kind=kind, at=at, request_id=number)

    def _postpone(self, code: int, again: int) -> None:
        """Make an item due once more at ``again`` microseconds."""
        low = code & (1 << _NUMBER_BITS + _KIND_BITS) - 1
        later = again << _NUMBER_BITS + _KIND_BITS | low
        self._order.remove(code)
        self._order.add(later)
        number = low & (1 << _NUMBER_BITS) - 1
        if low >> _NUMBER_BITS == DueKind.WORKER_STATE:
            self._worker_codes[number] = later
            return
        codes = self._codes[number]
        if isinstance(codes, tuple):
            self._codes[number] = tuple(later if other == code else other for other in codes)
        else:
            self._codes[number] = later


def _code(at: datetime, kind: DueKind, number: int) -> int:
    return _packed(micros(at), kind, number)


def _packed(at: int, kind: DueKind, number: int) -> int:
    return (at << _KIND_BITS | kind) << _NUMBER_BITS | number
