"""Do what has fallen due and mark orphans: batches of small decisions, each checked again."""

import logging
from collections.abc import Callable
from datetime import datetime

from boruta_farm.core import jobs, readying, requests, workers
from boruta_farm.core.deadlines import Due, DueKind
from boruta_farm.core.plan import Plan
from boruta_farm.core.world import World
from boruta_farm.farm.engine import Decision, Engine
from boruta_farm.model.errors import BorutaError, UnavailableError

logger = logging.getLogger(__name__)

OnRequest = Callable[[World, int, datetime], Plan[bool]]

REQUEST_DECISIONS: dict[DueKind, OnRequest] = {
    DueKind.REQUEST_DEADLINE: requests.expire,
    DueKind.JOB_END: jobs.end_due,
    DueKind.KEEP_ALIVE: jobs.end_due,
    DueKind.OPENING: jobs.end_due,
    DueKind.ORPHANED: requests.invalidate,
}


class DueWork:
    """Turn what is due into one command per batch."""

    def __init__(self, engine: Engine, possible_since: Callable[[], datetime | None]) -> None:
        """Take since when boards can be prepared at all: None while there is no relay."""
        self._engine = engine
        self._possible_since = possible_since

    async def act(self, items: tuple[Due, ...]) -> None:
        """Commit what is due; what is not due any more changes nothing."""
        since = self._possible_since()
        decisions = (_decision(item, since) for item in items)
        await self._run(tuple(decide for decide in decisions if decide is not None))

    async def orphan(self, request_ids: tuple[int, ...]) -> None:
        """Mark waiting requests whose last registered worker is gone."""
        await self._run(tuple(_on_request(requests.orphan, i) for i in request_ids))

    async def adopt(self, request_ids: tuple[int, ...]) -> None:
        """Unmark waiting requests that a registered worker can serve again."""
        await self._run(tuple(_on_request(requests.adopt, i) for i in request_ids))

    async def _run(self, decisions: tuple[Decision[bool], ...]) -> None:
        """Commit a batch; where one decision fails, the others must not wait for it."""
        if not decisions:
            return
        try:
            await self._engine.run_each(decisions)
        except UnavailableError:
            raise
        except BorutaError:
            logger.exception("a batch of %d due items failed; one by one now", len(decisions))
            for decide in decisions:
                try:
                    await self._engine.decide(decide, leading=True)
                except UnavailableError:
                    raise
                except BorutaError:
                    logger.exception("a due item cannot be acted on")


def _decision(item: Due, possible_since: datetime | None) -> Decision[bool] | None:
    """Return what is to be decided, None where a board must be waited for."""
    request_id = item.request_id or 0
    if item.kind not in (DueKind.WORKER_STATE, DueKind.READYING):
        return _on_request(REQUEST_DECISIONS[item.kind], request_id)
    if possible_since is None:
        return None
    if item.kind is DueKind.READYING:
        return lambda world, now: readying.ready_due(world, request_id, now, possible_since)
    uuid = item.worker or ""
    return lambda world, now: workers.expire_preparation(world, uuid, now, possible_since)


def _on_request(decide: OnRequest, request_id: int) -> Decision[bool]:
    return lambda world, now: decide(world, request_id, now)
