"""What boards over Go RPC are wanted to do, as far as such boards can be trusted (I5)."""

import asyncio
import logging
from collections.abc import Hashable
from datetime import timedelta

from boruta_farm.boards.runner import MAINTENANCE_TEXT, answer, opened_door
from boruta_farm.contracts import BoardDialler, Doors, Dryad, KeyPool, Reports
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    BoardSilentError,
    StaleEpochError,
)
from boruta_farm.model.job import JobPhase
from boruta_farm.model.worker import Worker, WorkerState

logger = logging.getLogger(__name__)

ANSWER_WITHIN = timedelta(seconds=70)
"""The call's own limits for connecting and answering come first; this one ends what has none."""
QUIET = timedelta(seconds=60)


class Unfenced:
    """Prepare boards without a fence, let callers' own keys in, and set them aside.

    Such boards know no epochs: a call that was given up may still be carried out, later than
    the next one. So after a call without an answer the board is left alone for 60 s, unless it
    registers anew meanwhile: then the agent that was called is gone. One that answered with an
    error, or was not reached, may be called at once. A key once sent
    never serves again, not even when its answer was lost. A successful ``Prepare`` counts as
    proof of a clean board. Ends of jobs are enforced by server and relay alone.
    """

    def __init__(
        self,
        fleet: Fleet,
        reports: Reports,
        pool: KeyPool,
        doors: Doors,
        dialler: BoardDialler,
        *,
        check_first: bool = False,
    ) -> None:
        """Take what is needed; ``check_first`` tests a board before it is prepared."""
        self._fleet = fleet
        self._reports = reports
        self._pool = pool
        self._doors = doors
        self._dialler = dialler
        self._check_first = check_first
        self._quiet: dict[str, tuple[float, int]] = {}

    def step(self, worker: Worker) -> Hashable | None:
        """Name what is wanted: of a job that it is confirmed, and a caller's own key let in."""
        if worker.state is WorkerState.RUNNING:
            job = self._fleet.job(worker)
            if job is None or not job.unconfirmed:
                return None
        elif worker.state is WorkerState.MAINTENANCE:
            reminders = self._fleet.reminders[worker.uuid]
            return (worker.epoch, worker.state, reminders) if reminders else None
        elif worker.state not in (WorkerState.PREPARE, WorkerState.BUSY):
            return None
        return worker.epoch, worker.state

    def rest(self, uuid: str) -> float:
        """Leave a board alone for a while after a call without an answer."""
        until, registrations = self._quiet.get(uuid, (0.0, 0))
        rest = until - asyncio.get_running_loop().time()
        if rest <= 0 or registrations != self._fleet.registrations[uuid]:
            self._quiet.pop(uuid, None)
            return 0.0
        return rest

    async def carry_out(self, worker: Worker) -> None:
        """Do what the worker's state asks for. An agent out of reach counts as a failed call."""
        registrations = self._fleet.registrations[worker.uuid]
        try:
            await self._call(worker, self._dialler.dial(worker))
        except BoardSilentError:
            until = asyncio.get_running_loop().time() + QUIET.total_seconds()
            self._quiet[worker.uuid] = until, registrations
            raise
        except AgentUnreachableError as error:
            raise BoardError(error.message) from error

    async def check(self, worker: Worker) -> None:
        """See whether a board accepts connections. Raises AgentUnreachableError."""
        await self._dialler.knock(worker)

    async def _call(self, worker: Worker, board: Dryad) -> None:
        match worker.state:
            case WorkerState.PREPARE:
                await self._prepare(worker, board)
            case WorkerState.BUSY:
                await answer(board.put_in_maintenance(MAINTENANCE_TEXT), ANSWER_WITHIN)
                await self._reports.cleaned(worker.uuid, worker.epoch)
                logger.info("worker %s epoch %d: in maintenance", worker.name, worker.epoch)
            case WorkerState.MAINTENANCE:
                # Only shown: a board that cannot stays where it is.
                await answer(board.put_in_maintenance(MAINTENANCE_TEXT), ANSWER_WITHIN)
            case WorkerState.RUNNING:
                await self._confirm(worker, board)

    async def _prepare(self, worker: Worker, board: Dryad) -> None:
        if self._check_first:
            await answer(board.healthcheck(), ANSWER_WITHIN)
        await opened_door(self._doors, worker)
        key = await self._pool.take()
        now = self._fleet.workers.get(worker.uuid)
        if now is None or self.step(now) != self.step(worker):
            self._pool.give_back(key)
            raise StaleEpochError
        prepared = await answer(board.prepare(key.public, epoch=worker.epoch), ANSWER_WITHIN)
        await self._reports.prepared(worker.uuid, worker.epoch, key, prepared)
        logger.debug("worker %s epoch %d: prepared", worker.name, worker.epoch)

    async def _confirm(self, worker: Worker, board: Dryad) -> None:
        """See that a board is there that was just lent: it has no link to know better."""
        job = self._fleet.job(worker)
        if job is None or job.phase is JobPhase.OPENING:
            await self._open(worker, board)
            return
        try:
            await answer(self._dialler.knock(worker), ANSWER_WITHIN)
        except (AgentUnreachableError, BoardError) as error:
            logger.warning("worker %s epoch %d: %s", worker.name, worker.epoch, error.message)
            used = self._doors.used(worker.uuid)
            await self._reports.unconfirmed(worker.uuid, worker.epoch, error.message, used=used)
        else:
            await self._reports.confirmed(worker.uuid, worker.epoch)

    async def _open(self, worker: Worker, board: Dryad) -> None:
        """Install the caller's own key in place of the prepared one."""
        request = self._fleet.holders.get(worker.uuid)
        if request is None or request.ssh_key is None or self.step(worker) is None:
            return
        await answer(board.prepare(request.ssh_key, epoch=worker.epoch), ANSWER_WITHIN)
        await self._reports.opened(worker.uuid, worker.epoch)
        logger.info("worker %s epoch %d: opened", worker.name, worker.epoch)
