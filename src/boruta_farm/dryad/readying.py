"""The board being flashed and booted for a job that is to begin, and what came of it."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.state import AgentState, Phase
from boruta_farm.dryad.tools.errors import UnreadyError
from boruta_farm.link.agent import FarmEnd
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.readiness import Readiness

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyOutcome:
    """Tell what came of it: ready, or why not, and what the device's console said last."""

    epoch: int
    trouble: str | None = None
    lines: tuple[str, ...] = ()


PROGRESS_EVERY: Final = 5.0
"""Seconds between two reports of how far a board has come: each is written down."""


class Readying:
    """Make the board ready once in an epoch, and keep what came of it until the job begins or ends.

    It goes on whatever becomes of the link; an agent that is killed on the way begins anew when the
    farm asks again. ``news`` is set whenever there is something to report.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._task: asyncio.Task[None] | None = None
        self._epoch: int | None = None
        self._wanted: Readiness | None = None
        self.news = asyncio.Event()
        self.over = asyncio.Event()
        self.outcome: ReadyOutcome | None = None
        self.words = ""

    @property
    def epoch(self) -> int | None:
        """Return for which epoch it is, None for none."""
        return self._epoch

    def begin(self, epoch: int, wanted: Readiness, within: float) -> None:
        """Begin, unless the same is under way or done: then it is reported once more."""
        if (self._epoch, self._wanted) == (epoch, wanted):
            self.news.set()
            return
        self._forget()
        self._epoch, self._wanted = epoch, wanted
        self._task = asyncio.get_running_loop().create_task(self._make(epoch, wanted, within))

    def look(self, state: AgentState) -> None:
        """Learn where the board stands; never waits. What is under way is called off."""
        if self._epoch is not None and (state.epoch, state.phase) != (self._epoch, Phase.PREPARED):
            self._forget()

    async def stop(self) -> None:
        """Call off what is under way, and wait for its end."""
        task = self._task
        self._forget()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def report(self, farm: FarmEnd) -> NoReturn:
        """Tell the farm how far it has come, now and then, and what came of it.

        That once more whenever the farm asks again, or is in reach again.
        """
        self.news.set()
        while True:
            await self.news.wait()
            self.news.clear()
            epoch, outcome = self._epoch, self.outcome
            if outcome is not None and outcome.trouble is not None:
                await _tell(epoch, farm.unready(outcome.epoch, outcome.trouble, outcome.lines))
            elif outcome is not None:
                await _tell(epoch, farm.readied(outcome.epoch))
            elif epoch is not None and self.words:
                await _tell(epoch, farm.progressed(epoch, self.words))
                with suppress(TimeoutError):
                    async with asyncio.timeout(PROGRESS_EVERY):
                        await self.over.wait()

    def _forget(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self._epoch = self._wanted = self.outcome = None
        self.words = ""
        self.over.clear()

    async def _make(self, epoch: int, wanted: Readiness, within: float) -> None:
        logger.info("epoch %d: is made ready", epoch)
        try:
            await self._driver.make_ready(wanted, within, self._tell)
            outcome = ReadyOutcome(epoch=epoch)
        except UnreadyError as error:
            outcome = ReadyOutcome(epoch=epoch, trouble=error.message, lines=error.lines)
        except BorutaError as error:
            outcome = ReadyOutcome(epoch=epoch, trouble=error.message)
        except Exception as error:  # a driver may be a foreign package's
            logger.exception("epoch %d: the driver failed", epoch)
            outcome = ReadyOutcome(epoch=epoch, trouble=f"{type(error).__name__}: {error}")
        logger.info("epoch %d: %s", epoch, outcome.trouble or "ready")
        self.outcome = outcome
        self.over.set()
        self.news.set()

    def _tell(self, words: str) -> None:
        self.words = words
        self.news.set()


async def _tell(epoch: int | None, report: Awaitable[None]) -> None:
    """Report once; a farm that will not hear of it has decided already."""
    try:
        await report
    except UnavailableError:
        raise
    except BorutaError as error:
        logger.info("epoch %s: not reported: %s", epoch, error.message)
