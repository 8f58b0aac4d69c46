"""Try FAILED boards again: a board that answers its health check is prepared anew."""

import asyncio
import logging
from datetime import timedelta
from typing import NoReturn

from boruta_farm.contracts import Boards, Dialler, Reports
from boruta_farm.feed import Feed, keep_following
from boruta_farm.model.errors import AgentUnreachableError, BorutaError
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.stewards.roster import Roster

logger = logging.getLogger(__name__)

FIRST_TRY = timedelta(seconds=10)
FIRST_TRY_UNFENCED = timedelta(seconds=60)
"""A board over Go RPC may still be busy with a call that was given up (I5 of the design)."""
LONGEST_PAUSE = timedelta(minutes=10)
ANSWER_WITHIN = timedelta(seconds=60)


class Recovery:
    """Ask each FAILED board that is in reach for its health, less and less often.

    The pause doubles from 10 s to 10 min with every try and starts over once the board has
    served (reached RUNNING), so that one that fails at every preparation is not hammered.
    Boards without a fence cannot tell their health harmlessly: it counts that they accept a
    connection, and the first pause is 60 s.
    """

    def __init__(
        self, feed: Feed, boards: Boards, reports: Reports, dialler: Dialler | None = None
    ) -> None:
        self._feed = feed
        self._boards = boards
        self._reports = reports
        self._dialler = dialler
        self._roster = Roster(self._touched)
        self._tries: dict[str, int] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> NoReturn:
        """Try failed boards again, until cancelled."""
        try:
            await keep_following(self._feed, self._roster)
        finally:
            for task in self._running.values():
                task.cancel()

    def _touched(self, uuid: str) -> None:
        worker = self._roster.workers.get(uuid)
        if worker is None or worker.state is WorkerState.RUNNING:
            self._tries.pop(uuid, None)
        failed = worker is not None and worker.state is WorkerState.FAILED
        if failed and uuid not in self._running:
            task = asyncio.get_running_loop().create_task(self._recover(uuid))
            self._running[uuid] = task
            task.add_done_callback(lambda done: self._done(uuid, done))
        elif not failed and uuid in self._running:
            # At once, not when it has ended: the next change may say FAILED again.
            self._running.pop(uuid).cancel()

    def _done(self, uuid: str, task: asyncio.Task[None]) -> None:
        if self._running.get(uuid) is task:
            del self._running[uuid]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("recovery of %s failed: %s", uuid, error, exc_info=error)

    async def _recover(self, uuid: str) -> None:
        while True:
            tries = self._tries.get(uuid, 0)
            self._tries[uuid] = tries + 1
            worker = self._roster.workers.get(uuid)
            unfenced = worker is not None and worker.fence is Fence.NONE
            first = FIRST_TRY_UNFENCED if unfenced else FIRST_TRY
            await asyncio.sleep(min(first * 2 ** min(tries, 10), LONGEST_PAUSE).total_seconds())
            worker = self._roster.workers.get(uuid)
            if worker is None or not await self._healthy(worker):
                continue
            try:
                await self._reports.recovered(uuid, worker.epoch)
            except BorutaError as error:
                logger.info("worker %s: healthy, but not noted: %s", worker.name, error)
            else:
                return

    async def _healthy(self, worker: Worker) -> bool:
        if worker.fence is Fence.NONE:
            return self._dialler is not None and await self._accepts(worker, self._dialler)
        board = self._boards.fenced(worker.uuid)
        if board is None:
            return False
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                await board.healthcheck()
        except (BorutaError, TimeoutError) as error:
            logger.info("worker %s: still failed: %s", worker.name, error)
            return False
        return True

    async def _accepts(self, worker: Worker, dialler: Dialler) -> bool:
        try:
            await dialler.knock(worker)
        except AgentUnreachableError as error:
            logger.info("worker %s: still failed: %s", worker.name, error)
            return False
        return True
