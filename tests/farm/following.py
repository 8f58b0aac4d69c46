"""A feed in memory for followers: the test commits, the follower hears of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import cast

from boruta_farm.clock import VirtualClock
from boruta_farm.feed import Feed
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.request import Request
from boruta_farm.model.summary import Summary
from boruta_farm.model.worker import Worker
from boruta_farm.store.base import Listener, Snapshot, Store
from tests.matching.naive import START


class Journal:
    """Keep the last record of everything and tell listeners what is committed."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.requests: dict[int, Request] = {}
        self.workers: dict[str, Worker] = {}
        self.summaries: tuple[Summary, ...] = ()
        self.faults: list[BorutaError] = []
        self._number = 0
        self._listeners: list[Listener] = []
        self._doubters: list[Callable[[], None]] = []
        self.feed = Feed(cast("Store", self))

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def on_doubt(self, doubter: Callable[[], None]) -> None:
        self._doubters.append(doubter)

    async def snapshot(self, *, holding: bool = False) -> Snapshot:
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop()
        unfinished = [
            request
            for request in self.requests.values()
            if not request.state.finished and (request.live_job is not None or not holding)
        ]
        workers = tuple(self.workers.values())
        return Snapshot(
            number=self._number, requests=unfinished, workers=workers, summaries=self.summaries
        )

    def doubt(self) -> None:
        """Make every follower start over."""
        for doubter in self._doubters:
            doubter()

    def commit(self, *records: Request | Worker, silent: bool = False) -> None:
        """Save records as one batch; ``silent`` keeps followers from hearing of it."""
        changes = []
        for record in records:
            self._number += 1
            if isinstance(record, Request):
                self.requests[record.id] = record
                event = self._event(EventKind.REQUEST_UPDATED)
                changes.append(Change(event=event, request=record))
            else:
                self.workers[record.uuid] = record
                changes.append(Change(event=self._event(EventKind.WORKER_STATE), worker=record))
        self._tell(changes, silent)

    def deregister(self, uuid: str, silent: bool = False) -> None:
        """Remove a worker."""
        self._number += 1
        event = self._event(EventKind.WORKER_DEREGISTERED)
        self._tell([Change(event=event, worker=self.workers.pop(uuid))], silent)

    def _tell(self, changes: list[Change], silent: bool) -> None:
        for listener in () if silent else self._listeners:
            listener(tuple(changes))

    def _event(self, kind: EventKind) -> Event:
        return Event(number=self._number, at=self.clock.now(), kind=kind)


async def during(
    follower: Callable[[], Awaitable[None]], script: Callable[[], Awaitable[None]]
) -> None:
    """Run a script while a follower runs; a follower that fails fails the test."""

    async def follow() -> None:
        await follower()

    running = asyncio.create_task(follow())
    try:
        scripted = asyncio.ensure_future(script())
        await asyncio.wait({running, scripted}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            scripted.cancel()
            await running
        await scripted
    finally:
        running.cancel()
        await asyncio.wait({running})


def at(seconds: float) -> datetime:
    """Return the virtual time so many seconds after the start."""
    return datetime.fromtimestamp(START.timestamp() + seconds, START.tzinfo)
