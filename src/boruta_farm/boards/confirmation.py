"""Take jobs back whose boards do not confirm them in time."""

import asyncio
import heapq
import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NoReturn

from boruta_farm.clock import Clock
from boruta_farm.contracts import Doors, Reports
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import BorutaError, StaleEpochError
from boruta_farm.model.job import CONFIRMED_WITHIN, Job, JobPhase
from boruta_farm.model.worker import Fence

logger = logging.getLogger(__name__)

LATE = f"its agent did not answer within {CONFIRMED_WITHIN.total_seconds():g} s"
RETRY_AFTER = timedelta(seconds=1)


class Confirmation:
    """Report each LIVE job that its board's agent has not confirmed 5 s after the grant.

    That a grant is waiting is read from the farm's records, so one that a crash of the server cut
    off is taken back as well. Jobs in OPENING have a limit of their own; of boards
    without a fence the runner tells.
    """

    def __init__(self, fleet: Fleet, reports: Reports, doors: Doors, clock: Clock) -> None:
        self._fleet = fleet
        self._reports = reports
        self._doors = doors
        self._clock = clock
        self._due: list[tuple[datetime, str, int]] = []
        self._waiting: set[tuple[str, int]] = set()
        self._changed = asyncio.Event()

    async def watch(self) -> NoReturn:
        """Take unconfirmed jobs back, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            await self._fleet.tell(self._touched)
        raise AssertionError("following ends only by cancellation")

    def _touched(self, uuids: Collection[str]) -> None:
        for uuid in uuids:
            job = self._unconfirmed(uuid)
            if job is not None and (uuid, job.epoch) not in self._waiting:
                self._waiting.add((uuid, job.epoch))
                self._put(job.granted + CONFIRMED_WITHIN, uuid, job.epoch)

    def _unconfirmed(self, uuid: str) -> Job | None:
        request = self._fleet.holders.get(uuid)
        job = request.live_job if request is not None else None
        worker = self._fleet.workers.get(uuid)
        if job is None or worker is None or worker.fence is Fence.NONE:
            return None
        return job if job.unconfirmed and job.phase is JobPhase.LIVE else None

    def _put(self, at: datetime, uuid: str, epoch: int) -> None:
        heapq.heappush(self._due, (at, uuid, epoch))
        if self._due[0] == (at, uuid, epoch):
            self._changed.set()

    async def _watch(self) -> NoReturn:
        while True:
            self._changed.clear()
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                _, uuid, epoch = heapq.heappop(self._due)
                await self._decide(uuid, epoch, now)
            delay = (self._due[0][0] - now).total_seconds() if self._due else None
            try:
                async with asyncio.timeout(delay):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _decide(self, uuid: str, epoch: int, now: datetime) -> None:
        job = self._unconfirmed(uuid)
        if job is None or job.epoch != epoch:
            self._waiting.discard((uuid, epoch))
            return
        logger.warning("worker %s epoch %d: the job was not confirmed", uuid, epoch)
        try:
            await self._reports.unconfirmed(uuid, epoch, LATE, used=self._doors.used(uuid))
        except StaleEpochError:
            logger.info("worker %s epoch %d: has moved on", uuid, epoch)
        except BorutaError as error:
            logger.warning("worker %s epoch %d: not taken back yet: %s", uuid, epoch, error)
            self._put(now + RETRY_AFTER, uuid, epoch)
            return
        self._waiting.discard((uuid, epoch))
