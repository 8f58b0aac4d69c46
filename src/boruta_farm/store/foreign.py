"""What other servers have committed, told as this server's own commits are."""

from collections.abc import Iterable
from typing import TypeVar

from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.store.records import Records

Key = TypeVar("Key", int, str)

MOST = 5_000
"""Events that are told one by one; whoever has missed more starts over from a snapshot."""


def missed(records: Records, after: int, last: int) -> tuple[Change, ...] | None:
    """Return the changes numbered above ``after`` up to ``last``; None where they are too many.

    Inside the writer's transaction, so that nothing comes in between. Each carries its record as
    it is now, which later changes among them may have made: followers fold records, not steps. What
    private events were about is not journalled, so these come without their record.
    """
    if last - after > MOST:
        return None
    events = records.events(after, last - after)
    if len(events) != last - after:
        return None
    requests = {
        request.id: request
        for request in records.requests(sorted(_unique(event.request_id for event in events)))
    }
    workers = {worker.uuid: worker for worker in records.workers_of(_unique(_board(events)))}
    return tuple(
        Change(
            event=event,
            request=None if event.request_id is None else requests.get(event.request_id),
            worker=_worker(event, workers),
        )
        for event in events
    )


def _unique(found: Iterable[Key | None]) -> list[Key]:
    return list(dict.fromkeys(each for each in found if each is not None))


def _board(events: Iterable[Event]) -> Iterable[str | None]:
    return (event.worker for event in events if event.request_id is None)


def _worker(event: Event, workers: dict[str, Worker]) -> Worker | None:
    """Return the worker that an event is about; of one that is gone, no more than its UUID."""
    if event.worker is None or event.request_id is not None:
        return None
    if event.kind is not EventKind.WORKER_DEREGISTERED:
        return workers.get(event.worker)
    return Worker(
        uuid=event.worker,
        state=WorkerState.MAINTENANCE,
        groups=(),
        caps={},
        name=event.worker,
        fence=Fence.AGENT,
        since=event.at,
        epoch=0,
        port=0,
        dryad_address="",
        ssh_address="",
        registered=event.at,
    )
