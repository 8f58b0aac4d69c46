"""Boards that nobody uses: use is noted, holders are warned, boards are taken for who waits."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NoReturn

from boruta_farm.clock import Clock
from boruta_farm.contracts import Reports
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import BorutaError, StaleEpochError
from boruta_farm.model.request import Request

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 15.0
"""Seconds between two looks: what counts in minutes need not be met to the second."""

Judge = Callable[[Request, datetime], bool]


class Uses:
    """Note what this server's relay tells of use; each server tells of its own relay's.

    The last use is kept until it is to be written down, so none is forgotten that was near another.
    """

    def __init__(self, fleet: Fleet, reports: Reports, clock: Clock, to_be_noted: Judge) -> None:
        self._fleet = fleet
        self._reports = reports
        self._clock = clock
        self._to_be_noted = to_be_noted
        self._heard: dict[str, tuple[int, datetime]] = {}
        self._news = asyncio.Event()

    def hear(self, uuid: str, epoch: int) -> None:
        """Hear that a board is used in an epoch."""
        self._heard[uuid] = (epoch, self._clock.now())
        self._news.set()

    async def note(self) -> NoReturn:
        """Write down what was heard, once it matters, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._write()
            if self._heard:
                await asyncio.sleep(LOOK_EVERY)
                self._news.set()

    async def _write(self) -> None:
        now = self._clock.now()
        for uuid, (epoch, at) in tuple(self._heard.items()):
            request = self._fleet.holders.get(uuid)
            job = None if request is None else request.live_job
            if request is None or job is None or job.epoch != epoch:
                del self._heard[uuid]
            elif self._to_be_noted(request, now):
                del self._heard[uuid]
                await _told(self._reports.used(uuid, epoch, at), uuid)


class Idling:
    """Warn holders who use their boards no more, then take the boards, while somebody waits.

    For the server that leads. ``idle`` judges by the record alone, as the writer does again;
    ``wanted`` tells whether a request that could start now waits for a board.
    """

    def __init__(
        self,
        fleet: Fleet,
        reports: Reports,
        clock: Clock,
        idle: Judge,
        wanted: Callable[[str], bool],
    ) -> None:
        self._fleet = fleet
        self._reports = reports
        self._clock = clock
        self._idle = idle
        self._wanted = wanted

    async def watch(self) -> NoReturn:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Warn and take what is due now."""
        now = self._clock.now()
        for uuid, request in tuple(self._fleet.holders.items()):
            job = request.live_job
            if job is None:
                continue
            if request.idle_ends is not None and request.idle_ends <= now:
                wanted = self._wanted(uuid)
                await _told(self._reports.end_idle(uuid, job.epoch, wanted=wanted), uuid)
            elif self._idle(request, now) and self._wanted(uuid):
                await _told(self._reports.warn_idle(uuid, job.epoch), uuid)


async def _told(telling: Awaitable[None], uuid: str) -> None:
    try:
        await telling
    except StaleEpochError:
        # It ended meanwhile.
        return
    except BorutaError as error:
        logger.warning("worker %s: whether it is used is judged later: %s", uuid, error)
