"""The fence: who may be on the board, until when, and the proof that nobody is left (I2-I4)."""

import asyncio
import logging
from dataclasses import replace

from boruta_farm.clock import Clock
from boruta_farm.contracts import CleanReport, Prepared
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.handling import BRIEF, THOROUGH, Turn, handle
from boruta_farm.dryad.state import OPEN, AgentState, Phase, StateStore
from boruta_farm.model.errors import BoardError, StaleEpochError

logger = logging.getLogger(__name__)

LOOK_AGAIN = 5.0
"""Seconds: timers of the event loop stand still while the machine sleeps, the end does not."""

CLEANED = frozenset({Phase.CLEAN, Phase.PREPARING, Phase.PREPARED, Phase.GRANTED})


class Fence:
    """Keep the contract ``FencedDryad`` over a driver, whatever comes late, twice or never.

    Every intent is stored before the board is touched. ``changed`` is set whenever there may be
    something to report: ``state.tell_ended`` or ``state.trouble``.
    """

    def __init__(self, driver: Driver, store: StateStore, clock: Clock, boot_id: str) -> None:
        self._driver = driver
        self._store = store
        self._clock = clock
        self._turn = Turn()
        self._timer: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()
        self.state = AgentState(boot_id=boot_id)

    async def start(self) -> None:
        """Go on with the stored session of this boot; after a reboot, begin closed and clean.

        A board that cannot be cleaned is reported to the farm as soon as it is in reach.
        """
        try:
            await self._begin()
        except BoardError as error:
            logger.error("the board could not be cleaned: %s", error.message)

    async def close(self) -> None:
        """Stop the timer; the stored session stays for the next start."""
        self._stop_timer()
        await self._turn.close()

    async def clean(self, epoch: int) -> CleanReport:
        """End the session of any earlier epoch and prove that nothing of it is left."""
        return await self._turn.take(self._clean(epoch))

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        """Make a fresh session user on a board cleaned for this epoch."""
        return await self._turn.take(self._prepare(key, epoch))

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        """Start the job of ``epoch``, or learn its end again after a reconnect."""
        end = self._clock.monotonic() + remaining
        await self._turn.take(self._grant(epoch, end, key))

    async def extend(self, epoch: int, sequence: int, remaining: float) -> None:
        """Store a later end for the job."""
        end = self._clock.monotonic() + remaining
        await self._turn.take(self._extend(epoch, sequence, end))

    async def end(self, epoch: int) -> None:
        """End the session now."""
        await self._turn.take(self._end(epoch))

    async def put_in_maintenance(self, message: str) -> None:
        """Show a message on a board that nobody is on. Raises BoardError during a job."""
        await self._turn.take(self._put_in_maintenance(message))

    async def healthcheck(self) -> None:
        """Test the board without disturbing it."""
        await self._turn.look(handle("healthcheck", BRIEF, self._driver.healthcheck()))

    async def adopt(self, farm_id: str) -> None:
        """Belong to a farm; another farm's session must not live on under it."""
        if self.state.farm_id == farm_id:
            return
        if self.state.farm_id is not None:
            logger.warning("the board now belongs to farm %s; it is cleaned first", farm_id)
            await self._turn.take(self._shut(told=False))
        self._save(replace(self.state, farm_id=farm_id))

    def told_ended(self, epoch: int) -> None:
        """Note that the server knows of the session's end."""
        if self.state.epoch == epoch and self.state.tell_ended:
            self._save(replace(self.state, tell_ended=False))

    def told_trouble(self, trouble: str) -> None:
        """Note that the server knows of a trouble."""
        if self.state.trouble == trouble:
            self._save(replace(self.state, trouble=None))

    async def _begin(self) -> None:
        stored = self._store.load()
        boot_id = self.state.boot_id
        if stored is None or stored.boot_id != boot_id:
            known = stored or self.state
            self._save(AgentState(boot_id=boot_id, epoch=known.epoch, farm_id=known.farm_id))
            await self._turn.take(self._shut(told=False))
            return
        self.state = stored
        if stored.phase in OPEN:
            await self._turn.take(self._resume())
        elif stored.phase is not Phase.CLEAN:
            await self._turn.take(self._shut(told=stored.tell_ended))

    async def _clean(self, epoch: int) -> CleanReport:
        state = self._at_least(epoch)
        if epoch == state.epoch and state.phase in CLEANED:
            return CleanReport(epoch=epoch)
        self._stop_timer()
        fresh = AgentState(
            boot_id=state.boot_id, epoch=epoch, farm_id=state.farm_id, phase=Phase.CLEANING
        )
        self._save(fresh)
        found = await handle("clean", THOROUGH, self._driver.clean())
        self._save(replace(fresh, phase=Phase.CLEAN))
        logger.info("epoch %d: clean, %d leftovers removed", epoch, len(found))
        return CleanReport(epoch=epoch, found=found[:100])

    async def _prepare(self, key: str, epoch: int) -> Prepared:
        state = self._at(epoch)
        if state.phase is Phase.PREPARED and state.key == key:
            return Prepared(username=state.username, host_key=state.host_key)
        if state.phase not in (Phase.CLEAN, Phase.PREPARING, Phase.PREPARED):
            raise BoardError(f"epoch {epoch} is {state.phase}: the board must be cleaned first")
        if state.phase is Phase.PREPARED:
            await handle("clean", THOROUGH, self._driver.clean())
        self._save(replace(state, phase=Phase.PREPARING, key=key))
        prepared = await handle("prepare", THOROUGH, self._driver.prepare(key))
        self._save(
            replace(
                self.state,
                phase=Phase.PREPARED,
                username=prepared.username,
                host_key=prepared.host_key,
            )
        )
        logger.info("epoch %d: prepared", epoch)
        return prepared

    async def _grant(self, epoch: int, end: float, key: str | None) -> None:
        state = self._at(epoch)
        if state.phase not in OPEN:
            raise BoardError(f"epoch {epoch} is {state.phase}: nothing is prepared for a job")
        wanted = key if key != state.key else None
        self._save(
            replace(
                state,
                phase=Phase.GRANTED,
                end=max(end, state.end) if state.end is not None else end,
                wanted_key=wanted,
            )
        )
        self._start_timer()
        if wanted is not None:
            await handle("authorize", BRIEF, self._driver.authorize(wanted))
            self._save(replace(self.state, key=wanted, wanted_key=None))

    async def _extend(self, epoch: int, sequence: int, end: float) -> None:
        state = self._at(epoch)
        if state.phase is not Phase.GRANTED or state.end is None:
            raise BoardError(f"epoch {epoch} is {state.phase}: its job has begun to end")
        if sequence <= state.sequence:
            return
        self._save(replace(state, end=max(end, state.end), sequence=sequence))

    async def _end(self, epoch: int) -> None:
        state = self._at(epoch)
        if state.phase in OPEN or state.phase is Phase.ENDING:
            await self._shut(told=False)

    async def _put_in_maintenance(self, message: str) -> None:
        if self.state.phase is Phase.GRANTED:
            raise BoardError("a job runs here: the board must be cleaned first")
        self._save(replace(self.state, notice=message))
        show = self._driver.put_in_maintenance(message)
        await handle("put_in_maintenance", BRIEF, show)

    async def _resume(self) -> None:
        """Take up the session after a crash of the agent; its end may have passed meanwhile."""
        state = self.state
        key = state.wanted_key or state.key or ""
        if state.end is not None and self._clock.monotonic() >= state.end:
            await self._shut(told=True)
        elif await handle("resume", THOROUGH, self._driver.resume(key)):
            self._save(replace(state, key=key, wanted_key=None))
            if state.phase is Phase.GRANTED:
                self._start_timer()
            logger.info("epoch %d: session taken up again", state.epoch)
        else:
            trouble = "the session was lost when the agent was restarted"
            await self._shut(told=False, trouble=trouble)

    async def _shut(self, *, told: bool, trouble: str | None = None) -> None:
        """Let nobody in and end everything; ``told`` reports the end to the server."""
        self._stop_timer()
        self._save(replace(self.state, phase=Phase.ENDING, tell_ended=told))
        try:
            await handle("clean", THOROUGH, self._driver.clean())
        except BoardError as error:
            self._save(replace(self.state, trouble=error.message))
            self.changed.set()
            raise
        ended = replace(self.state, phase=Phase.ENDED, key=None, wanted_key=None, end=None)
        self._save(replace(ended, trouble=trouble or ended.trouble))
        self.changed.set()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().create_task(self._enforce())

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer is not asyncio.current_task():
            self._timer.cancel()
        self._timer = None

    async def _enforce(self) -> None:
        """End the session at its stored end, which may move later meanwhile."""
        epoch = self.state.epoch
        while (end := self.state.end) is not None:
            left = end - self._clock.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(left, LOOK_AGAIN))
        try:
            await self._turn.take(self._time_is_over(epoch))
        except BoardError as error:
            logger.error("epoch %d: the session could not be ended: %s", epoch, error.message)

    async def _time_is_over(self, epoch: int) -> None:
        state = self.state
        if state.epoch != epoch or state.phase is not Phase.GRANTED or state.end is None:
            return
        if self._clock.monotonic() < state.end:
            self._start_timer()
            return
        logger.info("epoch %d: the job's time is over", epoch)
        await self._shut(told=True)

    def _at_least(self, epoch: int) -> AgentState:
        if epoch < self.state.epoch:
            raise StaleEpochError
        return self.state

    def _at(self, epoch: int) -> AgentState:
        state = self._at_least(epoch)
        if epoch > state.epoch:
            raise BoardError(f"epoch {epoch} was not cleaned; the agent is at {state.epoch}")
        return state

    def _save(self, state: AgentState) -> None:
        self._store.save(state)
        self.state = state
