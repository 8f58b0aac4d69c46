"""The one owner of the farm's time: notices that the machine's clock was set, and takes it over."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NoReturn

from boruta_farm.clock import FarmClock
from boruta_farm.core.timekeeping import step_clock
from boruta_farm.farm.engine import Engine
from boruta_farm.model.answers import ClockReading
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import OutcomeUnknownError, UnavailableError
from boruta_farm.model.permission import Permission
from boruta_farm.store.base import Store

LOOK_EVERY: Final = 1.0
LEAST: Final = timedelta(seconds=2)
"""What is less is left alone: it would move no end by more than server and relay allow for."""

STEADY: Final = timedelta(milliseconds=500)
"""Two looks must agree as well as this: a clock that is being set may not be done yet."""

TOLD_FOR: Final = 3600.0
"""Seconds for which a step is told to whoever asks for the farm's health."""

logger = logging.getLogger(__name__)


class Timekeeper:
    """Keep the farm's time right while the machine's clock is set (a time server, a resumed VM).

    ``begin`` goes on from the time that an earlier start has left, ``run`` compares once a second.
    A clock that was set forward is followed; one that was set back only if ``trusted`` says that
    somebody vouches for it, the clock of a database on another machine agrees, or an admin says so
    (``adopt``): otherwise the farm keeps its time and says so. ``boot`` names this run of the
    machine, whose steady clock the stored anchor is for.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        clock: FarmClock,
        *,
        boot: str,
        trusted: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock
        self._boot = boot
        self._trusted = trusted
        self._seen: timedelta | None = None
        self._complained = False
        self._last: tuple[float, str] | None = None
        store.on_step(clock.step)

    async def begin(self) -> None:
        """Go on from the farm's own time, which the machine's clock may have left since."""
        kept = await self._store.kept_time()
        boot, _, anchor = kept.anchor.partition(" ")
        behind = kept.newest - self._clock.now()
        if boot == self._boot and abs(by := _micros(int(anchor) - self._clock.anchor)) >= LEAST:
            # In the same run of the machine no time can have passed unseen.
            behind = max(by, behind)
        elif behind < LEAST:
            behind = timedelta()
        if behind:
            self._clock.step(behind)
            logger.warning(
                "the machine's clock differs by %s from the farm's time, which goes on from where "
                "it was",
                _words(-behind),
            )
        await self._store.execute(lambda transaction, _now: transaction.keep_anchor(self._anchor()))

    async def keep_time(self) -> NoReturn:
        """Compare the clocks once a second, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Take the machine's clock over if it was set and may be believed."""
        drift, seen = self._clock.drift(), self._seen
        self._seen = drift
        if abs(drift) < LEAST:
            self._complained = False
            return
        if seen is None or abs(drift - seen) > STEADY:
            return
        if drift > timedelta() or self._trusted() or await self._vouched(drift):
            await self._step(drift, "the machine's clock was set", None)
        elif not self._complained:
            self._complained = True
            logger.warning("%s", self._trouble(drift))

    async def _vouched(self, drift: timedelta) -> bool:
        """Tell whether the clock of a database on another machine agrees with this machine's."""
        try:
            shown = await self._store.foreign_time()
        except UnavailableError:
            return False
        return shown is not None and abs(shown - self._clock.now() - drift) < LEAST

    def reading(self, caller: Caller) -> ClockReading:
        """Return the farm's time beside its machine's."""
        caller.require(Permission.SEE_FARM)
        now = self._clock.now()
        return ClockReading(time=now, machine=now + self._clock.drift(), words=self.words())

    async def adopt(self, caller: Caller) -> ClockReading:
        """Take the machine's clock over on an admin's word, however little it differs."""
        caller.require(Permission.SET_CLOCK)
        await self._step(self._clock.drift(), "an admin's word", caller)
        return self.reading(caller)

    def words(self) -> str | None:
        """Return what whoever asks for the farm's health must know of its time, else None."""
        drift = self._clock.drift()
        if abs(drift) >= LEAST:
            return self._trouble(drift)
        if self._last is not None and self._clock.monotonic() - self._last[0] < TOLD_FOR:
            return self._last[1]
        return None

    async def _step(self, by: timedelta, reason: str, caller: Caller | None) -> None:
        wanted = self._anchor(by)
        try:
            jobs = await self._engine.decide(
                lambda world, now: step_clock(world, by, wanted, reason, now, caller),
                caller,
                leading=caller is None,
            )
        except OutcomeUnknownError:
            if (await self._store.kept_time()).anchor != wanted:
                logger.warning("the farm's time could not be set, trying again")
                return
            self._clock.step(by)
            jobs = 0
        except UnavailableError as fault:
            logger.warning("the farm's time could not be set, trying again: %s", fault)
            return
        self._seen, self._complained = None, False
        text = f"the farm's time was set by {_words(by)} at {self._clock.now():%Y-%m-%d %H:%M:%S}"
        self._last = (self._clock.monotonic(), f"{text} UTC ({reason})")
        logger.warning("%s UTC (%s); %d running jobs keep their remaining time", text, reason, jobs)

    def _anchor(self, by: timedelta = timedelta()) -> str:
        return f"{self._boot} {self._clock.anchor + by // timedelta(microseconds=1)}"

    def _trouble(self, drift: timedelta) -> str:
        return (
            f"the machine's clock differs by {_words(drift)} from the farm's time, which is kept "
            "until a time server, or a database elsewhere, vouches for the clock; if it is right, "
            "say: boruta clock adopt"
        )


def _micros(count: int) -> timedelta:
    return timedelta(microseconds=count)


def _words(by: timedelta) -> str:
    return f"{by.total_seconds():+z.1f} s"
