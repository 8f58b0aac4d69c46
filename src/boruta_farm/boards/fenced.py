"""What boards whose agent is the fence are wanted to do: clean, prepare, grant, set aside."""

import asyncio
import logging
from collections.abc import Hashable
from datetime import timedelta

from boruta_farm.boards.runner import MAINTENANCE_TEXT, answer, opened_door
from boruta_farm.boards.unseen import UnseenKeys
from boruta_farm.clock import Clock
from boruta_farm.contracts import CleanReport, Doors, FencedDryad, KeyPool, Reports
from boruta_farm.fleet import Fleet, Link
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    ProtocolError,
    StaleEpochError,
    UnavailableError,
)
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.worker import KeyPair, Worker, WorkerState

logger = logging.getLogger(__name__)

ANSWER_WITHIN = timedelta(seconds=60)
THOROUGH_WITHIN = timedelta(minutes=5)
"""For cleaning and preparing, which may reimage and test the board: as long as the agent gives
itself. The worker's own limit (``prepare_timeout``) counts besides."""


AT_ONCE = timedelta(seconds=0.1)
"""How long a board's port may take until it is cleaned without it."""

SHORTEST_READYING = 1.0
"""Seconds that an agent is given at least, so that it can tell what it has done already."""


class Fenced:
    """Clean and prepare boards, tell them of their jobs, and set them aside for maintenance."""

    def __init__(
        self,
        fleet: Fleet,
        reports: Reports,
        pool: KeyPool,
        doors: Doors,
        clock: Clock,
        ready_timeout: timedelta,
    ) -> None:
        """Take what is needed; ``ready_timeout`` is how long flashing and booting may take."""
        self._ready_timeout = ready_timeout
        self._fleet = fleet
        self._reports = reports
        self._pool = pool
        self._doors = doors
        self._clock = clock
        self._unseen = UnseenKeys(fleet)
        self._granted: dict[str, tuple[int, Link]] = {}
        """To which link of each board its job was told last, by epoch."""

    def step(self, worker: Worker) -> Hashable | None:
        """Name what is wanted; a grant is told to each agent that comes."""
        link = self._fleet.link(worker.uuid)
        if link is None:
            return None
        match worker.state:
            case WorkerState.PREPARE | WorkerState.BUSY:
                return worker.epoch, worker.state
            case WorkerState.MAINTENANCE if reminders := self._fleet.reminders[worker.uuid]:
                return worker.epoch, worker.state, reminders
            case WorkerState.RUNNING if self._fleet.over(worker):
                return worker.epoch, "over", link
            case WorkerState.RUNNING if (job := self._fleet.job(worker)) is not None:
                if job.phase is JobPhase.READYING:
                    return worker.epoch, job.phase, link
                return worker.epoch, worker.state, link, job.keys_seq
            case _:
                return None

    def rest(self, uuid: str) -> float:
        """Leave no board alone: its agent tells one call from another."""
        return 0.0

    async def carry_out(self, worker: Worker) -> None:
        """Do what the worker's state asks for."""
        link = self._fleet.link(worker.uuid)
        if link is None:
            raise AgentUnreachableError
        match worker.state:
            case WorkerState.PREPARE:
                await self._prepare(worker, link.board)
            case WorkerState.BUSY:
                await self._set_aside(worker, link.board)
            case WorkerState.MAINTENANCE:
                # Only shown: a board that cannot stays where it is.
                await self._show_sign(worker, link.board)
            case WorkerState.RUNNING if self._fleet.over(worker):
                await answer(link.board.end(worker.epoch), ANSWER_WITHIN)
            case WorkerState.RUNNING:
                await self._tell_job(worker, link)

    async def check(self, worker: Worker) -> None:
        """See whether a board is sound. Raises BoardError, AgentUnreachableError."""
        link = self._fleet.link(worker.uuid)
        if link is None:
            raise AgentUnreachableError
        await link.board.healthcheck()

    async def _prepare(self, worker: Worker, board: FencedDryad) -> None:
        generation = self._fleet.generation
        key = await self._at_hand(worker)
        try:
            if key is not None:
                recycling = board.recycle(key.public, epoch=worker.epoch)
                report, prepared = await answer(recycling, 2 * THOROUGH_WITHIN)
                _tell_found(worker, report)
            else:
                # Whoever had the board is not to stay on it for want of a key or a port.
                report = await answer(board.clean(worker.epoch), THOROUGH_WITHIN)
                _tell_found(worker, report)
                await opened_door(self._doors, worker)
                key = self._unseen.take(worker) or await self._pool.take()
                preparing = board.prepare(key.public, epoch=worker.epoch)
                prepared = await answer(preparing, THOROUGH_WITHIN)
            await self._reports.prepared(worker.uuid, worker.epoch, key, prepared)
        except (StaleEpochError, BoardError, AgentUnreachableError):
            if key is not None:
                self._pool.give_back(key)
            raise
        self._unseen.keep(worker, key, generation)
        logger.debug("worker %s epoch %d: prepared", worker.name, worker.epoch)

    async def _at_hand(self, worker: Worker) -> KeyPair | None:
        """Return the next key if a board has all at once that it takes besides: the usual case."""
        try:
            async with asyncio.timeout(AT_ONCE.total_seconds()):
                await self._doors.ready(worker.uuid)
        except TimeoutError:
            return None
        return self._unseen.take(worker) or self._pool.at_hand()

    async def _set_aside(self, worker: Worker, board: FencedDryad) -> None:
        await answer(board.clean(worker.epoch), THOROUGH_WITHIN)
        await self._show_sign(worker, board)
        await self._reports.cleaned(worker.uuid, worker.epoch)
        logger.info("worker %s epoch %d: in maintenance", worker.name, worker.epoch)

    async def _show_sign(self, worker: Worker, board: FencedDryad) -> None:
        text = worker.reason or MAINTENANCE_TEXT
        await answer(board.put_in_maintenance(text), ANSWER_WITHIN)

    async def _tell_job(self, worker: Worker, link: Link) -> None:
        """Tell the agent of its job once over each link, and of each change of its keys."""
        job = self._fleet.job(worker)
        if job is None:
            return
        if job.phase is JobPhase.READYING:
            await self._make_ready(worker, job, link.board)
            return
        if self._granted.get(worker.uuid) != (job.epoch, link):
            await self._tell_grant(worker, job, link.board)
            self._granted[worker.uuid] = job.epoch, link
        if job.keys_pending and worker.many_keys:
            await self._tell_keys(worker, job, link.board)

    async def _make_ready(self, worker: Worker, job: Job, board: FencedDryad) -> None:
        """Have the agent flash and boot the board; what comes of it, the agent reports."""
        wanted = self._fleet.holders[worker.uuid].readiness
        if wanted is None:
            return
        within = job.granted + self._ready_timeout - self._clock.now()
        seconds = max(within.total_seconds(), SHORTEST_READYING)
        try:
            await answer(board.ready(job.epoch, wanted, seconds), ANSWER_WITHIN)
        except ProtocolError as error:
            # An agent that was replaced by an older one, which does not know the call.
            await self._reports.unready(worker.uuid, job.epoch, error.message)
            return
        logger.info("worker %s epoch %d: is made ready", worker.name, job.epoch)

    async def _tell_grant(self, worker: Worker, job: Job, board: FencedDryad) -> None:
        """Tell the agent when the job ends, and open the board for a caller's own key."""
        key = self._fleet.holders[worker.uuid].ssh_key
        # The length of a job that is being opened counts from the moment at which it is told.
        began = self._clock.now()
        opening = job.phase is JobPhase.OPENING
        remaining = job.timeout - (job.granted if opening else began)
        await answer(board.grant(job.epoch, remaining.total_seconds(), key), ANSWER_WITHIN)
        if opening:
            await self._reports.opened(worker.uuid, job.epoch, began)
        elif job.unconfirmed:
            await self._reports.confirmed(worker.uuid, job.epoch)

    async def _tell_keys(self, worker: Worker, job: Job, board: FencedDryad) -> None:
        """Tell the agent whose keys open the session; one that cannot is asked again.

        No board is blamed for what a request brings (I22).
        """
        telling = board.set_keys(job.epoch, job.keys_seq, job.keys, job.staying)
        try:
            await answer(telling, ANSWER_WITHIN)
        except BoardError as error:
            raise UnavailableError(f"its keys were not taken: {error.message}") from error
        await self._reports.keyed(worker.uuid, job.epoch, job.keys_seq)
        logger.info("worker %s epoch %d: %d more keys", worker.name, job.epoch, len(job.keys))


def _tell_found(worker: Worker, report: CleanReport) -> None:
    for line in report.found:
        logger.info("worker %s epoch %d: cleaned %s", worker.name, worker.epoch, line)
