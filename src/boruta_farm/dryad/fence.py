"""The fence: who may be on the board, until when, and the proof that nobody is left (I2-I4)."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from boruta_farm.clock import Clock
from boruta_farm.contracts import CleanReport, Prepared
from boruta_farm.dryad.alarm import Alarm
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.handling import BRIEF, THOROUGH, BoardTurn, handle
from boruta_farm.dryad.health import HostHealth
from boruta_farm.dryad.readying import Readying
from boruta_farm.dryad.reminders import Reminders
from boruta_farm.dryad.state import OPEN, AgentState, Phase, StateStore
from boruta_farm.model.errors import BoardError, KeyRefusedError, StaleEpochError, StoreError
from boruta_farm.model.readiness import Readiness

logger = logging.getLogger(__name__)

PROVED = frozenset({Phase.CLEAN, Phase.PREPARED, Phase.GRANTED})
"""Phases in which cleaning for the present epoch has been done."""

OVER = frozenset({Phase.ENDING, Phase.ENDED})
LOST = "the session was lost when the agent was restarted"
MOST_FOUND = 100


class BoardFence:
    """Keep the contract ``FencedDryad`` over a driver, whatever comes late, twice or never.

    Every intent is stored before the board is touched. ``changed`` is set whenever there may be
    something to report: ``state.tell_ended`` or ``state.trouble``. ``watch`` is told every state
    as soon as it holds.
    """

    def __init__(
        self,
        driver: Driver,
        store: StateStore,
        clock: Clock,
        boot_id: str,
        host: HostHealth | None = None,
    ) -> None:
        self._driver = driver
        self._host = host
        self._store = store
        self._clock = clock
        self._turn = BoardTurn()
        self._alarm = Alarm(clock, self._due, self._enforce)
        self._reminders = Reminders()
        self._reminding = Alarm(clock, self._reminders.due, self._remind)
        self._keeping: tuple[asyncio.Task[None], ...] = ()
        self.changed = asyncio.Event()
        self.readying = Readying(driver)
        self.watch: Callable[[AgentState], None] = lambda _: None
        self.state = AgentState(boot_id=boot_id)

    async def start(self) -> None:
        """Go on with the stored session of this boot; after a reboot, begin closed and clean.

        A board that cannot be cleaned is reported to the farm as soon as it is in reach.
        """
        try:
            await self._turn.take(self._begin)
        except BoardError as error:
            logger.error("the board is not usable: %s", error.message)
        loop = asyncio.get_running_loop()
        self._keeping = tuple(
            loop.create_task(alarm.ring_in_time()) for alarm in (self._alarm, self._reminding)
        )

    async def close(self) -> None:
        """Stop keeping time; the stored session stays for the next start."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await self.readying.stop()
        await self._turn.close()

    async def clean(self, epoch: int) -> CleanReport:
        """End the session of any earlier epoch and prove that nothing of it is left."""
        return await self._turn.take(lambda: self._clean(epoch))

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        """Make a fresh session user on a board cleaned for this epoch."""
        _check_key(key)
        return await self._turn.take(lambda: self._prepare(key, epoch))

    async def recycle(self, key: str, *, epoch: int) -> tuple[CleanReport, Prepared]:
        """Clean the board, and only if that is proved prepare it."""
        _check_key(key)
        report = await self.clean(epoch)
        return report, await self.prepare(key, epoch=epoch)

    async def ready(self, epoch: int, wanted: Readiness, within: float) -> None:
        """Begin to flash and boot the board; ``readying`` tells what comes of it.

        Raises StaleEpochError when its session has been given to somebody, or ended.
        """
        await self._turn.take(lambda: self._ready(epoch, wanted, within))

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        """Start the job of ``epoch``, or learn its end again after a reconnect.

        Raises StaleEpochError when its session has been ended: the farm is about to hear of it.
        """
        if key is not None:
            _check_key(key)
        end = self._clock.monotonic() + remaining
        await self._turn.take(lambda: self._grant(epoch, end, key))

    async def extend(self, epoch: int, sequence: int, remaining: float) -> None:
        """Store a later end for the job. Raises BoardError once the ending has begun."""
        end = self._clock.monotonic() + remaining
        await self._turn.take(lambda: self._extend(epoch, sequence, end))

    async def set_keys(
        self, epoch: int, sequence: int, keys: tuple[str, ...], staying: tuple[str, ...] = ()
    ) -> None:
        """Let these keys, and no others, open the session beside its own.

        Raises StaleEpochError for another epoch, and when the session has ended.
        """
        for key in (*keys, *staying):
            _check_key(key)
        await self._turn.take(lambda: self._set_keys(epoch, sequence, keys, staying))

    async def sessions(self, epoch: int) -> Mapping[str, int]:
        """Tell how many sessions each key has open. Raises UnavailableError while busy."""

        async def count() -> Mapping[str, int]:
            if self._at(epoch).phase is not Phase.GRANTED:
                raise StaleEpochError(f"the session of epoch {epoch} has ended")
            return await handle("visitors", BRIEF, self._driver.visitors)

        return await self._turn.look(count)

    async def certify(self, epoch: int, certificate: str) -> None:
        """Have the board's SSH server show a certificate of its host key.

        Raises StaleEpochError for another epoch, and when the session has ended.
        """
        _check_certificate(certificate)
        await self._turn.take(lambda: self._certify(epoch, certificate))

    async def end(self, epoch: int) -> None:
        """End the session now."""
        await self._turn.take(lambda: self._end(epoch))

    async def put_in_maintenance(self, message: str) -> None:
        """Show a message on a board that nobody can be on. Raises BoardError otherwise."""
        await self._turn.take(lambda: self._put_in_maintenance(message))

    async def healthcheck(self) -> None:
        """Test the board and its supervisor without disturbing whoever has the board."""
        await self._turn.look(lambda: handle("healthcheck", BRIEF, self._check_health))

    async def look_after_session(self) -> None:
        """End a job whose session can be used no more, and have the farm told why."""
        epoch = self.state.epoch
        if self.state.phase is not Phase.GRANTED:
            return
        if words := await handle("lost", BRIEF, self._driver.lost):
            await self._turn.take(lambda: self._end_lost(epoch, words))

    async def facts(self) -> Mapping[str, str]:
        """Return the driver's facts. Raises UnavailableError while the board is busy."""
        return await self._turn.look(lambda: handle("facts", BRIEF, self._driver.facts))

    async def adopt(self, farm_id: str, epoch: int) -> None:
        """Belong to a farm; another farm's session must not live on under it.

        ``epoch`` is the farm's: what went wrong in an earlier one is of no interest any more.
        Raises BoardError when the board cannot be cleaned for the other farm.
        """
        await self._turn.take(lambda: self._adopt(farm_id, epoch))

    def told_ended(self, epoch: int) -> None:
        """Note that the server knows of the session's end."""
        if self.state.epoch == epoch and self.state.tell_ended:
            self._note(replace(self.state, tell_ended=False))

    def told_trouble(self, trouble: str) -> None:
        """Note that the server knows of a trouble."""
        if self.state.trouble == trouble:
            self._note(replace(self.state, trouble=None))

    async def _check_health(self) -> None:
        if self._host is not None:
            await self._host.check(lent=self.state.phase is Phase.GRANTED)
        await self._driver.healthcheck()

    async def _begin(self) -> None:
        stored = self._store.load()
        boot_id = self.state.boot_id
        if stored is None or stored.boot_id != boot_id:
            known = stored or self.state
            self.state = AgentState(
                boot_id=boot_id, epoch=known.epoch, farm_id=known.farm_id, notice=known.notice
            )
            await self._shut(tell=False)
        else:
            self.state = stored
            self.watch(stored)
            if stored.phase in OPEN:
                await self._resume()
            else:
                await self._shut(tell=stored.tell_ended)
        if self.state.notice is not None:
            await self._show(self.state.notice)

    async def _resume(self) -> None:
        """Take up the session after a crash of the agent; its end may have passed meanwhile."""
        state = self.state
        key = state.wanted_key or state.key or ""
        if state.end is not None and self._clock.monotonic() >= state.end:
            await self._shut(tell=True)
            return
        try:
            resumed = await handle("resume", THOROUGH, lambda: self._driver.resume(key))
        except KeyRefusedError as error:
            logger.warning("epoch %d: no session: %s", state.epoch, error.message)
            await self._shut(tell=False)
            return
        except BoardError as error:
            await self._shut(tell=False, trouble=f"{LOST}: {error.message}")
            return
        if resumed:
            if state.end is not None:
                await self._expire_in(state.end)
            # A warning may have come due while no agent was there to give it.
            self._reminders.learn(state.end, since=-math.inf)
            if state.wanted_key is not None:
                self._save(replace(state, key=key, wanted_key=None))
            if state.keys_sequence:
                await self._let_in(self.state)
            logger.info("epoch %d: session taken up again", state.epoch)
        else:
            await self._shut(tell=False, trouble=LOST)

    async def _clean(self, epoch: int) -> CleanReport:
        state = self._at_least(epoch)
        if epoch == state.epoch and state.phase in PROVED:
            return CleanReport(epoch=epoch, found=state.found)
        known = state.found if state.phase in (Phase.ENDED, Phase.CLEANING) else ()
        fresh = AgentState(boot_id=state.boot_id, epoch=epoch, farm_id=state.farm_id, found=known)
        try:
            self._save(fresh)
        except BoardError as error:
            # An epoch counts only once it is stored. Ending what the last one left does no harm
            # before that, and may free the full disk.
            logger.error("epoch %d: cleaning all the same: %s", state.epoch, error.message)
            await self._shut(tell=state.tell_ended)
            known = self.state.found
            self._save(replace(fresh, found=known))
        found = await self._clean_board(known)
        self._save(replace(fresh, phase=Phase.CLEAN, found=found))
        logger.info("epoch %d: clean, %d leftovers removed", epoch, len(found))
        return CleanReport(epoch=epoch, found=found)

    async def _prepare(self, key: str, epoch: int) -> Prepared:
        state = self._at(epoch)
        if state.phase is Phase.PREPARED and state.key == key:
            return Prepared(username=state.username, host_key=state.host_key)
        if state.phase not in (Phase.CLEAN, Phase.PREPARED):
            raise BoardError(f"epoch {epoch} is {state.phase}: the board must be cleaned first")
        preparing = replace(state, phase=Phase.PREPARING, key=key, found=())
        self._save(preparing)
        await handle("test", THOROUGH, self._driver.test)
        prepared = await handle("prepare", THOROUGH, lambda: self._driver.prepare(key))
        username, host_key = prepared.username, prepared.host_key
        self._save(replace(preparing, phase=Phase.PREPARED, username=username, host_key=host_key))
        logger.info("epoch %d: prepared for user %s", epoch, username)
        return prepared

    async def _ready(self, epoch: int, wanted: Readiness, within: float) -> None:
        state = self._at(epoch)
        if state.phase in OVER or state.phase is Phase.GRANTED:
            raise StaleEpochError(f"the session of epoch {epoch} is {state.phase}")
        if state.phase is not Phase.PREPARED:
            raise BoardError(f"epoch {epoch} is {state.phase}: nothing is prepared for a job")
        self.readying.begin(epoch, wanted, within)

    async def _grant(self, epoch: int, end: float, key: str | None) -> None:
        state = self._at(epoch)
        if state.phase in OVER:
            raise StaleEpochError(f"the session of epoch {epoch} has ended")
        if state.phase not in OPEN:
            raise BoardError(f"epoch {epoch} is {state.phase}: nothing is prepared for a job")
        wanted = state.wanted_key
        if key is not None and key not in (state.key, wanted):
            if state.phase is Phase.GRANTED:
                raise BoardError(f"epoch {epoch} was granted with another key")
            wanted = key
        self._save(self._granted(state, end, wanted_key=wanted))
        if wanted is not None:
            try:
                await handle("authorize", BRIEF, lambda: self._driver.authorize(wanted))
            except KeyRefusedError:
                # Kept, it would be tried at the next start, and fail the board there.
                self._save(replace(self.state, wanted_key=None))
                raise
            self._save(replace(self.state, key=wanted, wanted_key=None))
        if state.end is None or end > state.end:
            await self._expire_in(end)
        logger.info("epoch %d: granted", epoch)

    async def _extend(self, epoch: int, sequence: int, end: float) -> None:
        state = self._at(epoch)
        if state.phase not in OPEN:
            raise BoardError(f"epoch {epoch} is {state.phase}: its job has begun to end")
        if state.phase is Phase.GRANTED and sequence <= state.sequence:
            return
        # Over two connections a prolongation may overtake the grant; it says as much as one.
        self._save(self._granted(state, end, sequence=sequence))
        await self._expire_in(end)
        logger.info("epoch %d: prolonged (%d)", epoch, sequence)

    async def _set_keys(
        self, epoch: int, sequence: int, keys: tuple[str, ...], staying: tuple[str, ...]
    ) -> None:
        state = self._at(epoch)
        if state.phase in OVER:
            raise StaleEpochError(f"the session of epoch {epoch} has ended")
        if state.phase is not Phase.GRANTED:
            raise BoardError(f"epoch {epoch} is {state.phase}: no job has a session to share")
        if sequence > state.keys_sequence:
            before = (*state.keys, *state.staying, *state.leaving)
            leaving = tuple(dict.fromkeys(k for k in before if k not in (*keys, *staying)))
            state = replace(
                state, keys=keys, staying=staying, leaving=leaving, keys_sequence=sequence
            )
            self._save(state)
        if state.keys_done < state.keys_sequence:
            await self._let_in(state)

    async def _let_in(self, state: AgentState) -> None:
        """Have the board take the stored keys, and end what those that leave have opened."""
        await handle("let_in", BRIEF, lambda: self._driver.let_in(state.keys, state.leaving))
        self._save(replace(state, leaving=(), keys_done=state.keys_sequence))
        logger.info("epoch %d: %d more keys open the session", state.epoch, len(state.keys))

    async def _certify(self, epoch: int, certificate: str) -> None:
        if self._at(epoch).phase is not Phase.GRANTED:
            raise StaleEpochError(f"the session of epoch {epoch} has ended")
        await handle("certify", BRIEF, lambda: self._driver.certify(certificate))
        logger.info("epoch %d: the SSH server shows a certificate of the farm's", epoch)

    async def _end(self, epoch: int) -> None:
        state = self._at(epoch)
        if state.phase in OPEN or state.phase in (Phase.PREPARING, Phase.ENDING):
            await self._shut(tell=False)

    async def _put_in_maintenance(self, message: str) -> None:
        if self.state.phase in OPEN:
            raise BoardError("a session is open: the board must be cleaned first")
        self._save(replace(self.state, notice=message))
        await self._show(message)

    async def _show(self, message: str) -> None:
        await handle("put_in_maintenance", BRIEF, lambda: self._driver.put_in_maintenance(message))

    async def _adopt(self, farm_id: str, epoch: int) -> None:
        if self.state.farm_id not in (None, farm_id):
            logger.warning("the board now belongs to farm %s; it is cleaned first", farm_id)
            await self._shut(tell=False)
        state = self.state
        trouble = state.trouble if epoch == state.epoch else None
        if (state.farm_id, state.trouble) != (farm_id, trouble):
            self._save(replace(state, farm_id=farm_id, trouble=trouble))

    async def _shut(self, *, tell: bool, trouble: str | None = None) -> None:
        """Let nobody in and end everything; ``tell`` reports the end to the server."""
        trouble = trouble or self.state.trouble
        ending = replace(self.state, phase=Phase.ENDING, tell_ended=tell, trouble=trouble)
        self._remember(ending)
        try:
            found = await self._clean_board(ending.found)
        except BoardError as error:
            self._remember(replace(ending, trouble=trouble or error.message))
            raise
        ended = replace(
            ending,
            phase=Phase.ENDED,
            key=None,
            wanted_key=None,
            keys=(),
            staying=(),
            leaving=(),
            end=None,
        )
        self._save(replace(ended, found=found))
        logger.info("epoch %d: session ended, board clean", ended.epoch)

    async def _clean_board(self, known: tuple[str, ...]) -> tuple[str, ...]:
        """Have the driver clean up; return what it found beside what was known already."""
        await self.readying.stop()
        found = await handle("clean", THOROUGH, self._driver.clean)
        for line in found:
            logger.info("epoch %d: found and ended: %s", self.state.epoch, line)
        return (*known, *found)[:MOST_FOUND]

    def _due(self) -> float | None:
        """Return when the session must end: its stored end, or at once when it should have."""
        match self.state.phase:
            case Phase.GRANTED:
                return self.state.end
            case Phase.ENDING:
                return self._clock.monotonic()
            case _:
                return None

    async def _enforce(self) -> None:
        """End the session at its time, or finish an ending that has failed."""
        await self._turn.take(self._end_due)

    async def _remind(self) -> None:
        """Tell whoever is logged in that the job ends soon; nothing depends on it."""
        if (text := self._reminders.take(self._clock.monotonic())) is None:
            return
        try:
            await self._turn.take(lambda: handle("warn", BRIEF, lambda: self._driver.warn(text)))
        except BoardError as error:
            logger.warning("epoch %d: users were not warned: %s", self.state.epoch, error.message)
        else:
            logger.info("epoch %d: users were warned of the end", self.state.epoch)

    async def _end_due(self) -> None:
        due = self._due()
        if due is None or self._clock.monotonic() < due:
            return
        if self.state.phase is Phase.GRANTED:
            logger.info("epoch %d: the job's time is over", self.state.epoch)
            await self._shut(tell=True)
        else:
            await self._shut(tell=self.state.tell_ended)

    async def _end_lost(self, epoch: int, words: str) -> None:
        if self.state.epoch == epoch and self.state.phase is Phase.GRANTED:
            logger.error("epoch %d: the session is lost: %s", epoch, words)
            await self._shut(tell=False, trouble=f"the session was lost: {words}")

    async def _expire_in(self, end: float) -> None:
        """Let the key end with the job, whose end is stored already: this is a second lock."""
        remaining = max(end, self.state.end or end) - self._clock.monotonic()
        await handle("expire_in", BRIEF, lambda: self._driver.expire_in(remaining))

    def _granted(
        self,
        state: AgentState,
        end: float,
        *,
        sequence: int | None = None,
        wanted_key: str | None = None,
    ) -> AgentState:
        """Return the state of a job that ends at the later of its known end and ``end``."""
        return replace(
            state,
            phase=Phase.GRANTED,
            end=end if state.end is None else max(end, state.end),
            sequence=state.sequence if sequence is None else sequence,
            wanted_key=state.wanted_key if wanted_key is None else wanted_key,
        )

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
        """Store the state before anything else happens. Raises BoardError when that fails."""
        try:
            self._store.save(state)
        except StoreError as error:
            raise BoardError(error.message) from error
        self._enter(state)

    def _remember(self, state: AgentState) -> None:
        """Enter a state that ends a session, stored or not: a full disk must keep nobody in."""
        try:
            self._save(state)
        except BoardError as error:
            logger.error("ending the session all the same: %s", error.message)
            self._enter(state)

    def _note(self, state: AgentState) -> None:
        """Enter that something was told, stored or not: told once more it does no harm."""
        try:
            self._save(state)
        except BoardError as error:
            logger.warning("what the farm knows is told again after a restart: %s", error.message)
            self._enter(state)

    def _enter(self, state: AgentState) -> None:
        self.state = state
        end = state.end if state.phase is Phase.GRANTED else None
        self._reminders.learn(end, self._clock.monotonic())
        self.readying.look(state)
        self._alarm.look()
        self._reminding.look()
        self.watch(state)
        self.changed.set()


def _check_key(key: str) -> None:
    """Refuse a key that would write a second line into a file of keys."""
    if not key.strip() or not key.isprintable():
        raise KeyRefusedError("a session key must be one line of visible characters")


def _check_certificate(line: str) -> None:
    """Refuse what would write a second line into a file of certificates."""
    if not line.strip() or not line.isprintable():
        raise BoardError("a certificate must be one line of visible characters")
