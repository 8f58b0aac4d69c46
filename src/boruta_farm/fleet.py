"""One map of the boards, followed once: who they are, who holds them, whose agents are linked."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from boruta_farm.clock import Clock
from boruta_farm.contracts import Boards, BoardWatch, FencedDryad
from boruta_farm.feed import Feed, Snapshot, keep_following
from boruta_farm.model.events import Change, EventKind
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker, WorkerState

Touched = Callable[[Collection[str]], None]
"""Called on the loop with the UUIDs of the boards that changed; it must not block."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Link:
    """Name the agent of a board that can be called now, and since when; each link is its own."""

    board: FencedDryad
    since: datetime


class Fleet:
    """Fold the journal and the comings and goings of agents for all who look after boards.

    ``workers`` are all registered ones, ``holders`` the requests whose jobs occupy them,
    ``key_read`` the latest epoch of each whose private key was handed out, ``registrations`` how
    often each has registered since this server started, ``reminders`` how often each was sent to
    MAINTENANCE while it was there. ``generation`` is 0
    until the farm was read, and rises whenever it is read anew.
    """

    def __init__(self, feed: Feed, boards: Boards, clock: Clock) -> None:
        self.workers: dict[str, Worker] = {}
        self.holders: dict[str, Request] = {}
        self.key_read: dict[str, int] = {}
        self.registrations: Counter[str] = Counter()
        self.reminders: Counter[str] = Counter()
        self.generation = 0
        self._feed = feed
        self._boards = boards
        self._clock = clock
        self._doubts = 0
        self._asked: datetime | None = None
        self._links: dict[str, Link] = {}
        self._held: dict[int, str] = {}
        self._over: dict[str, int] = {}
        self._listeners: dict[Touched, None] = {}

    async def follow(self) -> NoReturn:
        """Follow the farm until cancelled; whatever fails ends it with that error."""
        # Before the snapshot is read: a board that comes in between must not be missed.
        watch = self._boards.watch()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(watch))
                await keep_following(self._feed, self)
        finally:
            watch.close()
        raise AssertionError("following ends only by cancellation")

    async def tell(self, touched: Touched) -> NoReturn:
        """Tell of every board that there is, then of those that change, once per batch.

        Ends when cancelled, and with whatever ``touched`` raised, which concerns nobody else.
        """
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told(uuids: Collection[str]) -> None:
            try:
                touched(uuids)
            except Exception as error:  # noqa: BLE001 - who listens ends with it
                self.forget(told)
                if not over.done():
                    over.set_exception(error)

        self.listen(told)
        try:
            await over
        finally:
            self.forget(told)
        raise AssertionError("telling ends only by an error")

    def listen(self, touched: Touched) -> None:
        """Call ``touched`` with every board that there is, then with those that change."""
        self._listeners[touched] = None
        if self.generation:
            touched(tuple(self.workers))

    def forget(self, touched: Touched) -> None:
        """Stop calling ``touched``, harmless when it is not called any more."""
        self._listeners.pop(touched, None)

    def job(self, worker: Worker) -> Job | None:
        """Return the job that holds a worker in its present epoch and is not over."""
        request = self.holders.get(worker.uuid)
        job = request.live_job if request is not None else None
        if job is None or job.epoch != worker.epoch or self.over(worker):
            return None
        return job

    def over(self, worker: Worker) -> bool:
        """Tell whether a worker's job has been ended, though that is not stored yet."""
        return self._over.get(worker.uuid) == worker.epoch

    def end(self, worker: str, epoch: int) -> None:
        """Take a job for ended before that is stored: its tunnel is cut, its agent told."""
        if self._over.get(worker) != epoch:
            self._over[worker] = epoch
            self._tell((worker,))

    def link(self, uuid: str) -> Link | None:
        """Return the link of a board's agent while it can be called."""
        board = self._boards.fenced(uuid)
        if board is None:
            self._links.pop(uuid, None)
            return None
        known = self._links.get(uuid)
        if known is None or known.board is not board:
            known = self._links[uuid] = Link(board=board, since=self._clock.now())
        return known

    def away(self, uuid: str) -> datetime | None:
        """Return since when a board's agent is not linked, None while it is.

        That is its last contact; of one not seen since this server started, when that was
        asked for first, which the matcher does at the start.
        """
        if self.link(uuid) is not None:
            return None
        heard = self._boards.contact(uuid)
        if heard is not None:
            return self._clock.now() - timedelta(seconds=self._clock.monotonic() - heard)
        if self._asked is None:
            self._asked = self._clock.now()
        return self._asked

    def contact(self, uuid: str) -> float | None:
        """Return when a board's agent was last heard of since this server started, else None.

        It is told in seconds of the steady clock.
        """
        return self._boards.contact(uuid)

    @property
    def certain(self) -> bool:
        """Tell whether the farm was read since it was last in doubt what had been committed."""
        return self._doubts == self._feed.doubts

    def begin(self, snapshot: Snapshot, doubts: int) -> None:
        """Start over from a snapshot; every board counts as changed, also those that are gone."""
        self.generation += 1
        self._doubts = doubts
        touched = dict.fromkeys(self.workers)
        self.workers = {worker.uuid: worker for worker in snapshot.workers}
        self.holders.clear()
        self._held.clear()
        for request in snapshot.requests:
            self._fold_request(request)
        self._tell(touched | dict.fromkeys(self.workers))

    def fold(self, changes: tuple[Change, ...]) -> None:
        """Take the changes that follow."""
        touched: dict[str, None] = {}
        for change in changes:
            if change.worker is not None:
                self._fold_worker(change.worker, change.event.kind)
                touched[change.worker.uuid] = None
            if change.request is not None:
                touched.update(dict.fromkeys(self._fold_request(change.request)))
        if touched:
            self._tell(touched)

    async def _watch(self, watch: BoardWatch) -> NoReturn:
        while True:
            uuid = await watch.next()
            self.link(uuid)
            self._tell((uuid,))

    def _tell(self, uuids: Collection[str]) -> None:
        for touched in tuple(self._listeners):
            touched(uuids)

    def _fold_worker(self, worker: Worker, kind: EventKind) -> None:
        if kind is EventKind.WORKER_DEREGISTERED:
            self.workers.pop(worker.uuid, None)
            self._over.pop(worker.uuid, None)
            self.key_read.pop(worker.uuid, None)
            self.registrations.pop(worker.uuid, None)
            self.reminders.pop(worker.uuid, None)
        else:
            before = self.workers.get(worker.uuid)
            aside = before is not None and before.state is WorkerState.MAINTENANCE
            if aside and worker.state is WorkerState.MAINTENANCE:
                self.reminders[worker.uuid] += kind is EventKind.WORKER_STATE
            self.registrations[worker.uuid] += kind is EventKind.WORKER_REGISTERED
            self.workers[worker.uuid] = worker

    def _fold_request(self, request: Request) -> tuple[str, ...]:
        """Note whom a request's job occupies and return the workers that this concerns."""
        if request.job is not None and request.job.key_read:
            self.key_read[request.job.worker] = request.job.epoch
        job = request.live_job
        before = self._held.get(request.id)
        touched: list[str] = []
        if before is not None and (job is None or job.worker != before):
            del self._held[request.id]
            if self.holders[before].id == request.id:
                del self.holders[before]
            touched.append(before)
        if job is not None:
            self._held[request.id] = job.worker
            self.holders[job.worker] = request
            touched.append(job.worker)
        return tuple(touched)
