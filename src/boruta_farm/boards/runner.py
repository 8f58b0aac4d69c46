"""Bring every board to where its record wants it, one operation at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Collection, Hashable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import NoReturn, Protocol, TypeVar

from boruta_farm.boards.tasks import BoardTasks
from boruta_farm.contracts import Doors, Reports
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    BoardSilentError,
    BorutaError,
    KeyRefusedError,
    OutcomeUnknownError,
    StaleEpochError,
    UnavailableError,
)
from boruta_farm.model.job import JobPhase
from boruta_farm.model.worker import Fence, Worker

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(seconds=1)
DOOR_WITHIN = timedelta(seconds=60)
CHECK_WITHIN = timedelta(seconds=5)
"""For a look at a board that did not open: the request must not reach its opening's limit."""
MAINTENANCE_TEXT = "maintenance"
Answer = TypeVar("Answer")


class Policy(Protocol):
    """What boards of one kind are wanted to do, and how it is done."""

    def step(self, worker: Worker) -> Hashable | None:
        """Name the operation that a worker's record asks for and its board can do now, if any.

        One that was done under this name is not done again: the feed tells what comes next.
        """
        ...

    def rest(self, uuid: str) -> float:
        """Return for how many seconds the board is to be left alone first.

        Asked again whenever the board changes meanwhile.
        """
        ...

    async def carry_out(self, worker: Worker) -> None:
        """Do it and report it; doing it again must be harmless.

        Raises BoardError when the board failed, AgentUnreachableError when it is to be done as
        soon as the agent is back, and what the reports raise.
        """
        ...

    async def check(self, worker: Worker) -> None:
        """See whether a board is sound. Raises what ``attendance.check`` raises."""
        ...


class Runner:
    """Run at most one operation per board at a time, chosen by its state, never by events.

    Every operation is idempotent by (uuid, epoch, step), so that doing it again after a restart
    or a lost answer is harmless. One that cannot start because the agent is away starts when
    the agent comes; the worker's own time limit ends a vain wait.
    """

    def __init__(self, fleet: Fleet, reports: Reports, policies: Mapping[Fence, Policy]) -> None:
        """Take the policy of each kind of board; boards of other kinds are left alone."""
        self._fleet = fleet
        self._reports = reports
        self._policies = policies
        self._tasks = BoardTasks(self._ended)
        self._again: set[str] = set()
        self._resting: dict[str, asyncio.Event] = {}
        self._done: dict[str, tuple[Hashable, int | None]] = {}

    async def attend(self) -> NoReturn:
        """Keep every board where its record wants it, until cancelled."""
        try:
            await self._fleet.tell(self._touched)
        finally:
            self._tasks.cancel_all()
            self._again.clear()

    def _touched(self, uuids: Collection[str]) -> None:
        for uuid in uuids:
            if uuid not in self._fleet.workers:
                self._done.pop(uuid, None)
            if uuid in self._tasks:
                self._again.add(uuid)
                if (changed := self._resting.get(uuid)) is not None:
                    changed.set()
            elif self._wanted(uuid) is not None:
                self._tasks.start(uuid, self._work(uuid))

    def _ended(self, uuid: str) -> None:
        if uuid in self._again:
            self._again.discard(uuid)
            self._touched((uuid,))

    def _wanted(self, uuid: str) -> tuple[Worker, Policy, Hashable] | None:
        """Return what is to be done for a board now, None when that is nothing or was done.

        What had an unknown outcome is not done again before the farm was read anew: a second
        preparation would replace a key already handed out.
        """
        worker = self._fleet.workers.get(uuid)
        policy = self._policies.get(worker.fence) if worker is not None else None
        step = policy.step(worker) if worker is not None and policy is not None else None
        if worker is None or policy is None or step is None:
            return None
        done, generation = self._done.get(uuid, (None, None))
        if done == step and generation in (None, self._fleet.generation):
            return None
        return worker, policy, step

    async def _work(self, uuid: str) -> None:
        if (wanted := self._wanted(uuid)) is None:
            return
        if wanted[1].rest(uuid):
            await self._rest(uuid, wanted[1])
            if (wanted := self._wanted(uuid)) is None:
                return
        worker, policy, step = wanted
        generation = None
        try:
            await self._operate(worker, policy)
        except OutcomeUnknownError:
            logger.info("worker %s epoch %d: the feed will tell", worker.name, worker.epoch)
            if self._fleet.certain:
                # It has told already: whoever reads quickly is faster than the news of the doubt.
                self._again.add(uuid)
                return
            generation = self._fleet.generation
        except StaleEpochError:
            logger.info("worker %s epoch %d: has moved on", worker.name, worker.epoch)
        except AgentUnreachableError:
            logger.info("worker %s epoch %d: agent went away", worker.name, worker.epoch)
            return
        except BorutaError as error:
            logger.warning("worker %s epoch %d: %s", worker.name, worker.epoch, error.message)
            await asyncio.sleep(RETRY_AFTER.total_seconds())
            self._again.add(uuid)
            return
        self._done[uuid] = (step, generation)

    async def _rest(self, uuid: str, policy: Policy) -> None:
        """Leave a board alone for as long as its policy says, which a change may make shorter."""
        changed = self._resting[uuid] = asyncio.Event()
        try:
            while rest := policy.rest(uuid):
                changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await changed.wait()
        finally:
            del self._resting[uuid]

    async def _operate(self, worker: Worker, policy: Policy) -> None:
        """Do what is wanted; fail a board that fails, and let a request being opened wait on."""
        job = self._fleet.job(worker)
        opening = job is not None and job.phase is JobPhase.OPENING
        try:
            await policy.carry_out(worker)
        except BoardError as error:
            reason = error.message
            logger.warning("worker %s epoch %d: failed: %s", worker.name, worker.epoch, reason)
            if not opening:
                report = self._reports.failed
            elif isinstance(error, KeyRefusedError) or await self._is_sound(worker, policy):
                report = self._reports.key_refused
            else:
                report = self._reports.opening_failed
            await report(worker.uuid, worker.epoch, reason)

    async def _is_sound(self, worker: Worker, policy: Policy) -> bool:
        """Tell whether a board that would not open is sound, so that the request is to blame.

        Only newer agents say so themselves; one request must not fail board after board.
        """
        try:
            async with asyncio.timeout(CHECK_WITHIN.total_seconds()):
                await policy.check(worker)
        except (BorutaError, TimeoutError) as error:
            logger.info("worker %s epoch %d: not sound: %s", worker.name, worker.epoch, error)
            return False
        return True


async def answer(call: Awaitable[Answer], within: timedelta) -> Answer:
    """Wait for a board no longer than it may take. Raises BoardSilentError after that."""
    seconds = within.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise BoardSilentError(f"the board was not ready within {seconds:g} s") from error


async def opened_door(doors: Doors, worker: Worker) -> None:
    """Wait until the relay holds a board's port; that it does not is no fault of the board.

    Raises UnavailableError, so that the board is tried again.
    """
    seconds = DOOR_WITHIN.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            await doors.ready(worker.uuid)
    except TimeoutError as error:
        raise UnavailableError(
            f"the relay has not opened port {worker.port} within {seconds:g} s; the board waits "
            "for it, and /healthz tells what is wrong with the relay"
        ) from error
