"""Try FAILED boards again: a board that answers its health check is prepared anew."""

import asyncio
import logging
from collections.abc import Collection
from datetime import timedelta
from typing import NoReturn

from boruta_farm.boards.attendance import Attendance, check
from boruta_farm.contracts import BoardDialler, Reports
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import Worker, WorkerState

logger = logging.getLogger(__name__)

FIRST_TRY = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=10)


class Recovery:
    """Ask each FAILED board that is in reach for its health, less and less often.

    The pause doubles from 10 s to 10 min with every try and starts over once the board has
    served (reached RUNNING), so that one that fails at every preparation is not hammered.
    Boards without a fence cannot tell their health harmlessly: it counts that they accept a
    connection. One that may still be busy with a call is prepared only when its time is over.
    """

    def __init__(self, fleet: Fleet, reports: Reports, dialler: BoardDialler) -> None:
        self._fleet = fleet
        self._reports = reports
        self._dialler = dialler
        self._failed = Attendance(fleet, _is_failed, self._recover)
        self._tries: dict[str, int] = {}

    async def retry(self) -> NoReturn:
        """Try failed boards again, until cancelled."""
        try:
            await self._fleet.tell(self._touched)
        finally:
            self._failed.end()

    def _touched(self, uuids: Collection[str]) -> None:
        for uuid in uuids:
            worker = self._fleet.workers.get(uuid)
            if worker is None or worker.state is WorkerState.RUNNING:
                self._tries.pop(uuid, None)
        self._failed.touched(uuids)

    async def _recover(self, uuid: str) -> None:
        while (worker := self._failed.worker(uuid)) is not None:
            tries = self._tries.get(uuid, 0)
            self._tries[uuid] = tries + 1
            await asyncio.sleep(min(FIRST_TRY * 2 ** min(tries, 10), LONGEST_PAUSE).total_seconds())
            worker = self._failed.worker(uuid)
            if worker is None or not await self._is_healthy(worker):
                continue
            try:
                await self._reports.recovered(uuid, worker.epoch)
            except BorutaError as error:
                logger.info("worker %s: healthy, but not noted: %s", worker.name, error)
            else:
                return

    async def _is_healthy(self, worker: Worker) -> bool:
        try:
            await check(worker, self._fleet, self._dialler)
        except (BorutaError, TimeoutError) as error:
            logger.info("worker %s: still failed: %s", worker.name, error)
            return False
        return True


def _is_failed(worker: Worker) -> bool:
    return worker.state is WorkerState.FAILED
