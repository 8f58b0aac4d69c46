"""Bring every board to where its record wants it: cleaned, prepared, granted, set aside."""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import timedelta
from typing import NoReturn, TypeVar

from boruta_farm.clock import Clock
from boruta_farm.contracts import Boards, BoardWatch, Doors, FencedDryad, KeyPool, Reports
from boruta_farm.feed import Feed, keep_following
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    BorutaError,
    OutcomeUnknownError,
    StaleEpochError,
)
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.stewards.roster import Roster
from boruta_farm.stewards.unseen import UnseenKeys

logger = logging.getLogger(__name__)

ANSWER_WITHIN = timedelta(seconds=60)
THOROUGH_WITHIN = timedelta(minutes=5)
"""For cleaning and preparing, which may reimage and test the board: as long as the agent gives
itself. The worker's own limit (``prepare_timeout``) counts besides."""

RETRY_AFTER = timedelta(seconds=1)
MAINTENANCE_TEXT = "maintenance"
Answer = TypeVar("Answer")


class Stewards:
    """Run at most one operation per worker at a time, chosen by its state, never by events.

    Every operation is idempotent by (uuid, epoch, step), so that doing it again after a restart
    or a lost answer is harmless. An operation that cannot start because the agent is away
    starts when the agent comes; the worker's own time limit ends a vain wait.
    """

    def __init__(
        self,
        feed: Feed,
        boards: Boards,
        reports: Reports,
        pool: KeyPool,
        doors: Doors,
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._boards = boards
        self._reports = reports
        self._pool = pool
        self._doors = doors
        self._clock = clock
        self._roster = Roster(self._touched)
        self._unseen = UnseenKeys(self._roster)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._told: dict[str, tuple[FencedDryad, int]] = {}
        self._finished: dict[str, tuple[int, int, WorkerState]] = {}

    async def run(self) -> NoReturn:
        """Keep every board where its record wants it, until cancelled."""
        # Before the snapshot is read: a board that comes in between must not be missed.
        watch = self._boards.watch()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch_boards(watch))
                await keep_following(self._feed, self._roster)
        finally:
            watch.close()
            for task in self._running.values():
                task.cancel()
        raise AssertionError("following ends only by cancellation")

    async def _watch_boards(self, watch: BoardWatch) -> NoReturn:
        while True:
            self._touched(await watch.next())

    def _touched(self, uuid: str) -> None:
        if uuid in self._running:
            self._again.add(uuid)
        elif self._wants(uuid):
            task = asyncio.get_running_loop().create_task(self._work(uuid))
            self._running[uuid] = task
            task.add_done_callback(lambda done: self._done(uuid, done))

    def _done(self, uuid: str, task: asyncio.Task[None]) -> None:
        del self._running[uuid]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("steward of %s failed: %s", uuid, error, exc_info=error)
        if uuid in self._again:
            self._again.discard(uuid)
            if not task.cancelled():
                self._touched(uuid)

    def _wants(self, uuid: str) -> bool:
        """Tell whether the worker's record asks for something its board can do now."""
        worker = self._roster.workers.get(uuid)
        board = self._boards.fenced(uuid)
        if worker is None or board is None:
            return False
        match worker.state:
            case WorkerState.PREPARE | WorkerState.BUSY:
                return self._finished.get(uuid) != self._step(worker)
            case WorkerState.RUNNING:
                job = self._job(worker)
                return job is not None and self._told.get(uuid) != (board, job.epoch)
            case _:
                return False

    def _step(self, worker: Worker) -> tuple[int, int, WorkerState]:
        """Name the operation that a worker's state asks for.

        One that was done, or whose outcome is unknown, is not done again before the feed has
        told what became of it: a second preparation would replace a key already handed out.
        """
        return (self._roster.generation, worker.epoch, worker.state)

    def _job(self, worker: Worker) -> Job | None:
        request = self._roster.holders.get(worker.uuid)
        job = request.live_job if request is not None else None
        return job if job is not None and job.epoch == worker.epoch else None

    async def _work(self, uuid: str) -> None:
        worker = self._roster.workers.get(uuid)
        board = self._boards.fenced(uuid)
        if worker is None or board is None:
            return
        try:
            failure = await self._operate(worker, board)
            if failure is not None:
                logger.warning("worker %s epoch %d: failed: %s", worker.name, worker.epoch, failure)
                await self._reports.failed(worker.uuid, worker.epoch, failure)
        except OutcomeUnknownError:
            self._finished[uuid] = self._step(worker)
        except AgentUnreachableError:
            logger.info("worker %s epoch %d: agent went away", worker.name, worker.epoch)
        except StaleEpochError:
            self._finished[uuid] = self._step(worker)
            logger.info("worker %s epoch %d: has moved on", worker.name, worker.epoch)
        except BorutaError as error:
            logger.warning("worker %s epoch %d: %s", worker.name, worker.epoch, error.message)
            await asyncio.sleep(RETRY_AFTER.total_seconds())
            self._again.add(uuid)

    async def _operate(self, worker: Worker, board: FencedDryad) -> str | None:
        """Do what the worker's state asks for; return how the board failed, if it did."""
        try:
            match worker.state:
                case WorkerState.PREPARE:
                    await self._prepare(worker, board)
                case WorkerState.BUSY:
                    await self._set_aside(worker, board)
                case WorkerState.RUNNING:
                    await self._tell_grant(worker, board)
        except BoardError as error:
            return error.message
        except TimeoutError:
            return "the agent did not answer in time"
        return None

    async def _prepare(self, worker: Worker, board: FencedDryad) -> None:
        report = await _answer(board.clean(worker.epoch), THOROUGH_WITHIN)
        for line in report.found:
            logger.info("worker %s epoch %d: cleaned %s", worker.name, worker.epoch, line)
        await _answer(self._doors.ready(worker.uuid))
        generation = self._roster.generation
        key = self._unseen.take(worker) or await self._pool.take()
        try:
            prepared = await _answer(board.prepare(key.public, epoch=worker.epoch), THOROUGH_WITHIN)
            await self._reports.prepared(worker.uuid, worker.epoch, key, prepared)
        except (StaleEpochError, BoardError, AgentUnreachableError, TimeoutError):
            self._pool.give_back(key)
            raise
        self._unseen.keep(worker, key, generation)
        self._finished[worker.uuid] = self._step(worker)
        logger.debug("worker %s epoch %d: prepared", worker.name, worker.epoch)

    async def _set_aside(self, worker: Worker, board: FencedDryad) -> None:
        await _answer(board.clean(worker.epoch), THOROUGH_WITHIN)
        await _answer(board.put_in_maintenance(worker.reason or MAINTENANCE_TEXT))
        await self._reports.cleaned(worker.uuid, worker.epoch)
        self._finished[worker.uuid] = self._step(worker)
        logger.info("worker %s epoch %d: in maintenance", worker.name, worker.epoch)

    async def _tell_grant(self, worker: Worker, board: FencedDryad) -> None:
        """Tell the agent when the job ends, and open the board for a caller's own key."""
        request = self._roster.holders.get(worker.uuid)
        job = self._job(worker)
        if request is None or job is None:
            return
        remaining = (job.timeout - self._clock.now()).total_seconds()
        if job.phase is not JobPhase.OPENING:
            await _answer(board.grant(job.epoch, remaining, request.ssh_key))
        else:
            await self._open(worker, board, job, remaining, request.ssh_key)
        self._told[worker.uuid] = (board, job.epoch)

    async def _open(
        self, worker: Worker, board: FencedDryad, job: Job, remaining: float, key: str | None
    ) -> None:
        try:
            await _answer(board.grant(job.epoch, remaining, key))
        except BoardError as error:
            await self._reports.opening_failed(worker.uuid, job.epoch, error.message)
            return
        await self._reports.opened(worker.uuid, job.epoch)


async def _answer(call: Awaitable[Answer], within: timedelta = ANSWER_WITHIN) -> Answer:
    """Wait for a board no longer than it may take. Raises TimeoutError."""
    async with asyncio.timeout(within.total_seconds()):
        return await call
