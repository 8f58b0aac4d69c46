"""Notice IDLE boards without a fence that are gone, since nobody hears when they leave."""

import asyncio
import logging
import random
from datetime import timedelta
from typing import NoReturn

from boruta_farm.contracts import Dialler, Reports
from boruta_farm.feed import Feed, keep_following
from boruta_farm.model.errors import AgentUnreachableError, BorutaError
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.stewards.roster import Roster

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=60)
JITTER = 0.25
"""Share by which a pause is longer or shorter, so that a farm's boards are not met all at once."""
FAILURES = 3


class IdleRounds:
    """Connect to each IDLE board without a fence about once a minute.

    Three failures in a row make its worker FAILED. Nothing is sent, and a board is left alone
    while it is lent. ``chance`` returns the next number from 0 to 1 for the pauses.
    """

    def __init__(
        self, feed: Feed, dialler: Dialler, reports: Reports, chance: random.Random | None = None
    ) -> None:
        self._feed = feed
        self._dialler = dialler
        self._reports = reports
        self._chance = chance or random.Random()
        self._roster = Roster(self._touched)
        self._rounds: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> NoReturn:
        """Look after idle boards, until cancelled."""
        try:
            await keep_following(self._feed, self._roster)
        finally:
            for task in self._rounds.values():
                task.cancel()

    def _touched(self, uuid: str) -> None:
        worker = self._idle(uuid)
        running = self._rounds.get(uuid)
        if worker is None and running is not None:
            del self._rounds[uuid]
            running.cancel()
        elif worker is not None and running is None:
            task = asyncio.get_running_loop().create_task(self._look_after(uuid))
            self._rounds[uuid] = task
            task.add_done_callback(lambda done: self._done(uuid, done))

    def _done(self, uuid: str, task: asyncio.Task[None]) -> None:
        if self._rounds.get(uuid) is task:
            del self._rounds[uuid]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("rounds of %s failed: %s", uuid, error, exc_info=error)

    def _idle(self, uuid: str) -> Worker | None:
        worker = self._roster.workers.get(uuid)
        if worker is None or worker.fence is not Fence.NONE:
            return None
        return worker if worker.state is WorkerState.IDLE else None

    async def _look_after(self, uuid: str) -> None:
        failures = 0
        while True:
            share = 1 + JITTER * (2 * self._chance.random() - 1)
            await asyncio.sleep(EVERY.total_seconds() * share)
            worker = self._idle(uuid)
            if worker is None:
                return
            try:
                await self._dialler.knock(worker)
                failures = 0
            except AgentUnreachableError as error:
                failures += 1
                logger.info("worker %s: %s (%d of %d)", worker.name, error, failures, FAILURES)
                if failures >= FAILURES:
                    await self._fail(worker, str(error))

    async def _fail(self, worker: Worker, reason: str) -> None:
        """Fail a worker that is still idle; one that was just lent is left to its job."""
        if self._idle(worker.uuid) is None:
            return
        logger.warning("worker %s epoch %d: failed: %s", worker.name, worker.epoch, reason)
        try:
            await self._reports.failed(worker.uuid, worker.epoch, reason)
        except BorutaError as error:
            logger.info("worker %s epoch %d: %s", worker.name, worker.epoch, error)
