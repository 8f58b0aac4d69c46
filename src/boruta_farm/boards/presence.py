"""Notice which boards' agents are out of reach, and for how long."""

import asyncio
import heapq
import logging
from collections.abc import Collection
from datetime import timedelta
from typing import NoReturn

from boruta_farm.clock import Clock
from boruta_farm.contracts import Reports
from boruta_farm.fleet import Fleet
from boruta_farm.model.worker import Fence

logger = logging.getLogger(__name__)


class Presence:
    """Report a fenced board as lost once its agent was away for the grace time.

    The grace counts from the later of the last contact and the moment since which the board is
    not held for lost here: neither a server that starts or takes the lead fails anybody, nor a
    board's coming back by another server, whose link to this one may take a moment more. It is
    counted on the steady clock, so that setting the farm's time fails nobody either.
    """

    def __init__(self, fleet: Fleet, reports: Reports, clock: Clock, grace: timedelta) -> None:
        self._fleet = fleet
        self._reports = reports
        self._clock = clock
        self._grace = grace.total_seconds()
        self._kept: dict[str, float] = {}
        """Since when each board is not held for lost."""
        self._due: list[tuple[float, str]] = []
        self._waiting: set[str] = set()
        self._back: set[str] = set()
        self._changed = asyncio.Event()

    async def watch(self) -> NoReturn:
        """Report who is lost and who is back, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report())
            await self._fleet.tell(self._touched)
        raise AssertionError("following ends only by cancellation")

    def _touched(self, uuids: Collection[str]) -> None:
        for uuid in uuids:
            self._look(uuid)

    def _look(self, uuid: str) -> None:
        """Start the grace of a board that is away and not known to be lost.

        One that is here and noted as lost is told to be back: it came while its loss was written.
        """
        worker = self._fleet.workers.get(uuid)
        if worker is None or worker.fence is Fence.NONE:
            self._kept.pop(uuid, None)
            return
        here, lost = self._fleet.link(uuid) is not None, worker.unreachable_since is not None
        if lost:
            self._kept.pop(uuid, None)
        else:
            self._kept.setdefault(uuid, self._clock.monotonic())
        if here and lost:
            self._back.add(uuid)
            self._changed.set()
        if here or lost or uuid in self._waiting:
            return
        self._waiting.add(uuid)
        heapq.heappush(self._due, (self._lost_at(uuid), uuid))
        self._changed.set()

    def _lost_at(self, uuid: str) -> float:
        kept = self._kept.get(uuid, self._clock.monotonic())
        return max(self._fleet.contact(uuid) or kept, kept) + self._grace

    async def _report(self) -> NoReturn:
        while True:
            self._changed.clear()
            now = self._clock.monotonic()
            while self._due and self._due[0][0] <= now:
                _, uuid = heapq.heappop(self._due)
                self._waiting.discard(uuid)
                await self._decide(uuid, now)
            while self._back:
                await self._reports.back(self._back.pop())
            delay = self._due[0][0] - now if self._due else None
            try:
                async with asyncio.timeout(delay):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _decide(self, uuid: str, now: float) -> None:
        if self._fleet.link(uuid) is not None or uuid not in self._fleet.workers:
            return
        if self._lost_at(uuid) > now:
            self._look(uuid)
            return
        logger.warning("worker %s: agent out of reach", self._fleet.workers[uuid].name)
        await self._reports.lost(uuid)
