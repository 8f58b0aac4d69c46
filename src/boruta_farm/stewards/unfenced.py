"""Do for boards over Go RPC what their records want, as far as such boards can be trusted (I5)."""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import timedelta
from typing import NoReturn, TypeVar

from boruta_farm.contracts import Dialler, Doors, Dryad, KeyPool, Reports
from boruta_farm.feed import Feed, keep_following
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    BorutaError,
    OutcomeUnknownError,
    StaleEpochError,
    UnavailableError,
)
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.stewards.roster import Roster

logger = logging.getLogger(__name__)

ANSWER_WITHIN = timedelta(seconds=70)
"""The call's own limits for connecting and answering come first; this one ends what has none."""
QUIET = timedelta(seconds=60)
RETRY_AFTER = timedelta(seconds=1)
MAINTENANCE_TEXT = "maintenance"

Answer = TypeVar("Answer")
Step = tuple[int, int, WorkerState]


class UnfencedStewards:
    """Run at most one call per board without a fence at a time, chosen by its worker's state.

    Such boards know no epochs: a call that was given up may still be carried out, later than
    the next one. So after a failed call the board is left alone for 60 s, and a key once sent
    never serves again, not even when its answer was lost. A successful ``Prepare`` counts as
    proof of a clean board. Ends of jobs are enforced by server and relay alone.
    """

    def __init__(
        self,
        feed: Feed,
        dialler: Dialler,
        reports: Reports,
        pool: KeyPool,
        doors: Doors,
        *,
        check_first: bool = False,
    ) -> None:
        """Take what stewards need; ``check_first`` tests a board before it is prepared."""
        self._feed = feed
        self._dialler = dialler
        self._reports = reports
        self._pool = pool
        self._doors = doors
        self._check_first = check_first
        self._roster = Roster(self._touched)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._quiet_until: dict[str, float] = {}
        self._finished: dict[str, Step] = {}

    async def run(self) -> NoReturn:
        """Keep every board without a fence where its record wants it, until cancelled."""
        try:
            await keep_following(self._feed, self._roster)
        finally:
            for task in self._running.values():
                task.cancel()

    def _touched(self, uuid: str) -> None:
        if uuid not in self._roster.workers:
            self._finished.pop(uuid, None)
        if uuid in self._running:
            self._again.add(uuid)
        elif self._wanted(uuid) is not None:
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

    def _wanted(self, uuid: str) -> Worker | None:
        """Return the worker when its record asks for a call that was not made yet."""
        worker = self._roster.workers.get(uuid)
        if worker is None or worker.fence is not Fence.NONE:
            return None
        passing = worker.state in (WorkerState.PREPARE, WorkerState.BUSY)
        if not passing and self._opening(worker) is None:
            return None
        return None if self._finished.get(uuid) == self._step(worker) else worker

    def _step(self, worker: Worker) -> Step:
        """Name the operation that a worker's state asks for; done ones wait for the feed."""
        return (self._roster.generation, worker.epoch, worker.state)

    def _opening(self, worker: Worker) -> Request | None:
        """Return the request that waits until its own key is installed on the board."""
        request = self._roster.holders.get(worker.uuid)
        job = request.live_job if request is not None else None
        if worker.state is not WorkerState.RUNNING or job is None or job.epoch != worker.epoch:
            return None
        return request if job.phase is JobPhase.OPENING else None

    async def _work(self, uuid: str) -> None:
        await self._wait_for_quiet(uuid)
        worker = self._wanted(uuid)
        if worker is None:
            return
        self._finished[uuid] = self._step(worker)
        try:
            await self._call(worker, self._dialler.dial(worker))
        except OutcomeUnknownError:
            logger.info("worker %s epoch %d: the feed will tell", worker.name, worker.epoch)
        except StaleEpochError:
            logger.info("worker %s epoch %d: has moved on", worker.name, worker.epoch)
        except (BoardError, AgentUnreachableError) as error:
            await self._fail(worker, error.message)
        except TimeoutError:
            seconds = ANSWER_WITHIN.total_seconds()
            await self._fail(worker, f"the board was not ready within {seconds:g} s")
        except BorutaError as error:
            logger.warning("worker %s epoch %d: %s", worker.name, worker.epoch, error.message)
            await asyncio.sleep(RETRY_AFTER.total_seconds())
            self._finished.pop(uuid, None)
            self._again.add(uuid)

    async def _wait_for_quiet(self, uuid: str) -> None:
        loop = asyncio.get_running_loop()
        if (until := self._quiet_until.get(uuid)) is not None:
            await asyncio.sleep(max(0.0, until - loop.time()))
            del self._quiet_until[uuid]

    async def _call(self, worker: Worker, board: Dryad) -> None:
        match worker.state:
            case WorkerState.PREPARE:
                await self._prepare(worker, board)
            case WorkerState.BUSY:
                await _answer(board.put_in_maintenance(MAINTENANCE_TEXT))
                await self._reports.cleaned(worker.uuid, worker.epoch)
                logger.info("worker %s epoch %d: in maintenance", worker.name, worker.epoch)
            case WorkerState.RUNNING:
                await self._open(worker, board)

    async def _prepare(self, worker: Worker, board: Dryad) -> None:
        if self._check_first:
            await _answer(board.healthcheck())
        await _answer(self._doors.ready(worker.uuid))
        key = await self._pool.take()
        now = self._roster.workers.get(worker.uuid)
        if now is None or self._step(now) != self._step(worker):
            self._pool.give_back(key)
            raise StaleEpochError
        prepared = await _answer(board.prepare(key.public, epoch=worker.epoch))
        await self._reports.prepared(worker.uuid, worker.epoch, key, prepared)
        logger.debug("worker %s epoch %d: prepared", worker.name, worker.epoch)

    async def _open(self, worker: Worker, board: Dryad) -> None:
        """Install the caller's own key in place of the prepared one."""
        request = self._opening(worker)
        if request is None or request.ssh_key is None:
            return
        await _answer(board.prepare(request.ssh_key, epoch=worker.epoch))
        await self._reports.opened(worker.uuid, worker.epoch)
        logger.info("worker %s epoch %d: opened", worker.name, worker.epoch)

    async def _fail(self, worker: Worker, reason: str) -> None:
        """Fail the worker and leave the board alone; a request that was being opened waits on."""
        logger.warning("worker %s epoch %d: failed: %s", worker.name, worker.epoch, reason)
        loop = asyncio.get_running_loop()
        self._quiet_until[worker.uuid] = loop.time() + QUIET.total_seconds()
        opening = worker.state is WorkerState.RUNNING
        report = self._reports.opening_failed if opening else self._reports.failed
        try:
            await report(worker.uuid, worker.epoch, reason)
        except StaleEpochError:
            logger.info("worker %s epoch %d: has moved on", worker.name, worker.epoch)
        except UnavailableError as error:
            logger.warning("worker %s epoch %d: %s", worker.name, worker.epoch, error.message)
            self._finished.pop(worker.uuid, None)
            self._again.add(worker.uuid)


async def _answer(call: Awaitable[Answer]) -> Answer:
    """Wait for a board no longer than it may take. Raises TimeoutError."""
    async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
        return await call
