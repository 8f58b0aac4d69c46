"""Prolong a job in three steps: intent, the agent's confirmation, the new timeout (I4)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from boruta_farm.clock import Clock
from boruta_farm.contracts import Boards
from boruta_farm.core import jobs
from boruta_farm.core.jobs import PLAIN_PROLONGING
from boruta_farm.farm.engine import Engine
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import AgentUnreachableError, BoardError, StaleEpochError
from boruta_farm.model.request import MoreTime
from boruta_farm.model.worker import Fence

ANSWER_WITHIN = timedelta(seconds=5)
TURN_WITHIN = 4 * ANSWER_WITHIN
"""How long one waits for others who prolong the same job."""


class Prolonging:
    """Move the end of a job no further than its agent has confirmed."""

    def __init__(self, engine: Engine, boards: Boards, clock: Clock) -> None:
        self._engine = engine
        self._boards = boards
        self._clock = clock
        self._turns: dict[int, asyncio.Lock] = {}
        self._coming: Counter[int] = Counter()

    async def prolong(
        self,
        request_id: int,
        more: MoreTime = PLAIN_PROLONGING,
        *,
        waited: bool = False,
        caller: Caller | None = None,
    ) -> datetime:
        """Return the job's new end; ``caller`` is on whose behalf, for the audit.

        Raises RequestNotFoundError, WorkerNotAssignedError, ProlongLimitError, InvalidError, and
        AgentUnreachableError when the agent did not confirm within 5 s (a retry is harmless).
        """
        async with self._turn(request_id):
            return await self._prolong(request_id, more, waited=waited, caller=caller)

    @asynccontextmanager
    async def _turn(self, request_id: int) -> AsyncIterator[None]:
        """Have those who prolong one job do so one after the other. Raises AgentUnreachableError.

        A later wish would make void what the agent has just stored.
        """
        lock = self._turns.setdefault(request_id, asyncio.Lock())
        self._coming[request_id] += 1
        try:
            try:
                async with asyncio.timeout(TURN_WITHIN.total_seconds()):
                    await lock.acquire()
            except TimeoutError:
                raise AgentUnreachableError(
                    "others prolong it, and the board does not answer; the end is unchanged"
                ) from None
            try:
                yield
            finally:
                lock.release()
        finally:
            self._coming[request_id] -= 1
            if not self._coming[request_id]:
                del self._coming[request_id], self._turns[request_id]

    async def _prolong(
        self, request_id: int, more: MoreTime, *, waited: bool, caller: Caller | None
    ) -> datetime:
        began = self._clock.monotonic()
        wish = await self._engine.decide(
            lambda world, now: jobs.want_prolongation(world, request_id, now, more, waited=waited)
        )
        if wish.fence is Fence.NONE:
            return wish.timeout
        board = self._boards.fenced(wish.worker)
        if board is None:
            raise AgentUnreachableError
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                # Whoever prolongs right after the grant may be faster than the runner that
                # tells the agent of it; telling it twice is harmless.
                # On the steady clock: the farm's time may have been set since the decision.
                passed = self._clock.monotonic() - began
                present = (wish.present - wish.asked).total_seconds() - passed
                await board.grant(wish.epoch, present, wish.ssh_key)
                # Telling it the first time may have taken a while: no end may move by that.
                passed = self._clock.monotonic() - began
                wanted = (wish.timeout - wish.asked).total_seconds() - passed
                await board.extend(wish.epoch, wish.sequence, wanted)
        except TimeoutError:
            raise AgentUnreachableError from None
        except (BoardError, StaleEpochError) as refusal:
            raise AgentUnreachableError(
                f"the board does not take a later end ({refusal.message}); the end is unchanged"
            ) from None
        try:
            return await self._engine.decide(
                lambda world, now: jobs.prolonged(
                    world, wish.worker, wish.epoch, wish.sequence, now
                ),
                caller,
            )
        except StaleEpochError:
            raise AgentUnreachableError(
                "another server prolonged it at this moment, or it has just ended; look, then try "
                "again"
            ) from None
