"""Prolong a job in three steps: intent, the agent's confirmation, the new timeout (I4)."""

import asyncio
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


class Prolonging:
    """Move the end of a job no further than its agent has confirmed."""

    def __init__(self, engine: Engine, boards: Boards, clock: Clock) -> None:
        self._engine = engine
        self._boards = boards
        self._clock = clock

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
        began = self._clock.monotonic()
        wish = await self._engine.decide(
            lambda world, now: jobs.want_prolongation(world, request_id, now, more, waited=waited)
        )
        if wish.fence is Fence.NONE:
            return wish.timeout
        board = self._boards.fenced(wish.worker)
        if board is None:
            raise AgentUnreachableError
        # On the steady clock: the farm's time may have been set since the decision.
        passed = self._clock.monotonic() - began
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                # Whoever prolongs right after the grant may be faster than the runner that
                # tells the agent of it; telling it twice is harmless.
                present = (wish.present - wish.asked).total_seconds() - passed
                await board.grant(wish.epoch, present, wish.ssh_key)
                wanted = (wish.timeout - wish.asked).total_seconds() - passed
                await board.extend(wish.epoch, wish.sequence, wanted)
        except TimeoutError:
            raise AgentUnreachableError from None
        except (BoardError, StaleEpochError) as refusal:
            raise AgentUnreachableError(
                f"the board does not take a later end ({refusal.message}); the end is unchanged"
            ) from None
        return await self._engine.decide(
            lambda world, now: jobs.prolonged(world, wish.worker, wish.epoch, wish.sequence, now),
            caller,
        )
