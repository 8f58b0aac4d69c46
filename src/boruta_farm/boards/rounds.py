"""Ask every board for its health now and then, since most failures tell nobody."""

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from boruta_farm.boards.attendance import ANSWER_WITHIN, Attendance, check
from boruta_farm.clock import Clock
from boruta_farm.contracts import BoardDialler, Reports
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import (
    AgentRefusedError,
    BoardError,
    BorutaError,
    UnavailableError,
)
from boruta_farm.model.worker import Fence, Worker, WorkerState

logger = logging.getLogger(__name__)

JITTER = 0.25
"""Share by which a pause is longer or shorter, so that a farm's boards are not met all at once."""
REFUSED_AGAIN = timedelta(seconds=5)
"""Pause after a machine said that no agent runs there: a restart takes less than two of them."""
LOOKED_AFTER = {
    Fence.AGENT: frozenset({WorkerState.IDLE, WorkerState.RUNNING}),
    Fence.NONE: frozenset({WorkerState.IDLE}),
}
"""An agent's health check disturbs nobody; a board without a fence is left alone while lent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsConfig:
    """Say how often boards are asked, how many failures in a row fail a worker.

    ``test_idle_after`` is how long a fenced board may be IDLE before it is taken out for its
    thorough test, zero for ever; ``test_unfenced_after`` the same for one without a fence.
    """

    every: timedelta = timedelta(seconds=60)
    failures: int = 3
    test_idle_after: timedelta = timedelta(0)
    test_unfenced_after: timedelta = timedelta(0)


class HealthRounds:
    """Visit each board that is IDLE, and each fenced one that is lent, about once a minute.

    A fenced board answers its passive health check; of one without a fence it counts that it
    accepts a connection, over which nothing is sent. An agent that is out of reach or busy has
    not failed: ``Presence`` and the job's limits see to that. ``chance`` returns the next number
    from 0 to 1 for the pauses.

    A board without a fence that refuses connections is looked at again after 5 s, so one whose
    agent was killed while it was IDLE has failed within 85 s; one that does not answer at all
    within 4 min (``failures`` and ``every`` as by default).
    """

    def __init__(
        self,
        fleet: Fleet,
        dialler: BoardDialler,
        reports: Reports,
        clock: Clock,
        config: RoundsConfig | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._fleet = fleet
        self._dialler = dialler
        self._reports = reports
        self._clock = clock
        self._config = config or RoundsConfig()
        self._chance = chance or random.Random()
        self._looked_after = Attendance(fleet, _is_looked_after, self._look_after)

    async def go_round(self) -> NoReturn:
        """Look after boards, until cancelled."""
        try:
            await self._fleet.tell(self._looked_after.touched)
        finally:
            self._looked_after.end()

    async def _look_after(self, uuid: str) -> None:
        failures = 0
        refused = False
        while True:
            share = 1 + JITTER * (2 * self._chance.random() - 1)
            pause = REFUSED_AGAIN if refused else self._config.every * share
            await asyncio.sleep(pause.total_seconds())
            worker = self._looked_after.worker(uuid)
            if worker is None:
                return
            if self._is_due_for_test(worker):
                await self._recheck(worker)
                continue
            trouble, refused = await self._trouble(worker)
            if trouble is None:
                failures = 0
                continue
            failures += 1
            most = self._config.failures
            logger.info("worker %s: %s (%d of %d)", worker.name, trouble, failures, most)
            if failures >= most:
                await self._fail(worker, trouble, failures)

    async def _trouble(self, worker: Worker) -> tuple[str | None, bool]:
        """Return what is wrong with the board, None for nothing or when nobody could say.

        And whether it refused the connection.
        """
        try:
            await check(worker, self._fleet, self._dialler)
        except BoardError as error:
            return error.message, False
        except TimeoutError:
            words = f"no answer to the health check within {ANSWER_WITHIN.total_seconds():g} s"
            return words, False
        except UnavailableError as error:
            trouble = error.message if worker.fence is Fence.NONE else None
            return trouble, isinstance(error, AgentRefusedError)
        except BorutaError as error:
            logger.warning("worker %s: its health cannot be asked: %s", worker.name, error)
        return None, False

    async def _fail(self, worker: Worker, trouble: str, failures: int) -> None:
        """Fail a worker unless it has moved on: one that was just lent is asked again."""
        now = self._looked_after.worker(worker.uuid)
        if now is None or (now.state, now.epoch) != (worker.state, worker.epoch):
            return
        times = "a health check failed" if failures == 1 else f"{failures} health checks failed"
        reason = f"{times}: {trouble}"
        logger.warning("worker %s epoch %d: failed: %s", worker.name, worker.epoch, reason)
        try:
            await self._reports.failed(worker.uuid, worker.epoch, reason)
        except BorutaError as error:
            logger.info("worker %s epoch %d: %s", worker.name, worker.epoch, error)

    def _is_due_for_test(self, worker: Worker) -> bool:
        unfenced = worker.fence is Fence.NONE
        config = self._config
        limit = config.test_unfenced_after if unfenced else config.test_idle_after
        return (
            bool(limit)
            and worker.state is WorkerState.IDLE
            and self._clock.now() - worker.since >= limit
            and (unfenced or self._fleet.link(worker.uuid) is not None)
        )

    async def _recheck(self, worker: Worker) -> None:
        try:
            await self._reports.recheck(worker.uuid, worker.epoch)
        except BorutaError as error:
            logger.info("worker %s epoch %d: not tested: %s", worker.name, worker.epoch, error)
        else:
            logger.info("worker %s epoch %d: taken out for its test", worker.name, worker.epoch)


def _is_looked_after(worker: Worker) -> bool:
    return worker.state in LOOKED_AFTER[worker.fence]
