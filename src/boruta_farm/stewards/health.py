"""Try FAILED boards again: a board that answers its health check is prepared anew."""

import asyncio
import logging
from datetime import timedelta
from typing import NoReturn

from boruta_farm.contracts import Boards, Reports
from boruta_farm.feed import Feed, keep_following
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.stewards.roster import Roster

logger = logging.getLogger(__name__)

FIRST_TRY = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=10)
ANSWER_WITHIN = timedelta(seconds=60)


class Recovery:
    """Ask each FAILED board that is in reach for its health, less and less often.

    The pause doubles from 10 s to 10 min with every try and starts over once the board has
    served (reached RUNNING), so that one that fails at every preparation is not hammered.
    """

    def __init__(self, feed: Feed, boards: Boards, reports: Reports) -> None:
        self._feed = feed
        self._boards = boards
        self._reports = reports
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
            task.add_done_callback(lambda _done: self._running.pop(uuid, None))
        elif not failed and uuid in self._running:
            self._running[uuid].cancel()

    async def _recover(self, uuid: str) -> None:
        while True:
            tries = self._tries.get(uuid, 0)
            self._tries[uuid] = tries + 1
            await asyncio.sleep(min(FIRST_TRY * 2 ** min(tries, 10), LONGEST_PAUSE).total_seconds())
            worker = self._roster.workers.get(uuid)
            if worker is not None and await self._healthy(worker):
                await self._reports.recovered(uuid, worker.epoch)
                return

    async def _healthy(self, worker: Worker) -> bool:
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
