"""Commands run in groups: each in a savepoint of its own, all committed together."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf

from boruta_farm.clock import Clock
from boruta_farm.model.errors import (
    BorutaError,
    OutcomeUnknownError,
    StaleProposalError,
    StorageFullError,
    TransitionError,
    UnavailableError,
)
from boruta_farm.model.events import Change, stepped
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.base import Decide, Transaction
from boruta_farm.store.committed import Committed
from boruta_farm.store.driver import (
    ConflictError,
    ConstraintError,
    DatabaseDriver,
    DiskFullError,
    DriverError,
)
from boruta_farm.store.flush import Flusher
from boruta_farm.store.foreign import missed
from boruta_farm.store.guard import Guard, NoGuard
from boruta_farm.store.loaded import Loaded
from boruta_farm.store.overlay import Layer, OverlayTransaction
from boruta_farm.store.records import Records
from boruta_farm.store.reserve import DiskRoom, Level, Unbounded
from boruta_farm.store.statements import Statements
from boruta_farm.store.values import EPOCH, moment

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.25
"""Seconds between two looks at the disk: where each system call is checked, one takes 0.2 ms."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Carry a command's answer."""

    value: object


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """Carry the error that a command raised or met."""

    error: Exception


Result = Answered | RefusedCommand

Late = Callable[[], Sequence[Decide[object]]]


@dataclass(slots=True)
class BatchOutcome:
    """Tell what became of a batch.

    ``doubtful`` means that a COMMIT may or may not have happened: followers must start anew.
    ``step`` is by how much the farm's time was set.
    """

    results: list[Result]
    changes: tuple[Change, ...] = ()
    doubtful: bool = False
    step: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Begun:
    """Hold a batch that was written but not committed."""

    commands: Sequence[Decide[object]]
    layer: Layer
    results: list[Result]
    changes: tuple[Change, ...]
    last_event: int
    newest: datetime
    counters: Mapping[str, int]
    """As they were before, which tells what other servers have committed."""


def look(_transaction: Transaction, _now: datetime) -> None:
    """Do nothing, as a command: every batch begins with what other servers have committed.

    A batch of nothing else waits for no writer, and keeps none waiting.
    """


class _CommitDoubtError(Exception):
    """Tell that COMMIT failed in a way that leaves its outcome open."""


class Batcher:
    """Run batches of commands on one connection, which is opened again after a failure."""

    def __init__(
        self,
        open_driver: Callable[[], DatabaseDriver],
        statements: Statements,
        clock: Clock,
        settings: FarmSettings,
        committed: Committed,
        flusher: Flusher | None = None,
        guard: Guard | None = None,
        room: DiskRoom | None = None,
        tell: str | None = None,
    ) -> None:
        """Take ``tell`` as the statement that tells other servers of a commit, if there are any.

        What they have committed is then found out in every batch, and told before its own.
        """
        self.guard: Guard = guard or NoGuard()
        self.room: DiskRoom = room or Unbounded()
        self._open_driver = open_driver
        self._statements = statements
        self._clock = clock
        self._settings = settings
        self._flusher = flusher or Flusher(settings)
        self._committed = committed
        self.driver: DatabaseDriver | None = None
        self._newest = EPOCH
        self._ahead = timedelta()
        """What commands that are committed but not told yet have set the time by."""
        self._next_look = -inf
        self._tell = tell
        self.told: int | None = None
        """The newest event that followers were told of, or are about to be; None if not known."""
        self._failing = False
        """Whether the database failed since the last commit, and that was told."""
        self.anew = False
        """Whether another database server answers than the one of which followers were told."""

    def open(self) -> None:
        """Open the connection, unless it is open."""
        if self.driver is None:
            self.driver = self._open_driver()

    def close(self) -> None:
        """Close the connection, harmless when it is closed."""
        self._committed.clear()
        driver, self.driver = self.driver, None
        if driver is not None:
            try:
                driver.close()
            except DriverError:
                logger.warning("a database connection did not close cleanly", exc_info=True)

    def begin(self, commands: Sequence[Decide[object]]) -> Begun | BatchOutcome | None:
        """Run commands in a transaction that awaits its COMMIT, which ``commit`` gives it.

        Returns an outcome when they changed nothing. Returns None when the database could not be
        had at once or refused what they wrote: nothing is changed then, and ``run`` takes its time
        to find out more. So commands may run more than once.
        """
        self._look()
        try:
            return self._write(list(commands), wait=False)
        except (DriverError, _CommandError) as fault:
            logger.debug("a batch is to be run again: %s", fault)
            return None

    def commit(self, begun: Begun) -> BatchOutcome:
        """Commit what was begun and return what became of each command.

        When the disk is full, they run again one by one.
        """
        return self._guard(begun.commands, lambda: self._commit(begun))

    def execute(
        self,
        commands: Sequence[Decide[object]],
        late: Late = list,
    ) -> BatchOutcome:
        """Run commands in one transaction and return what became of each.

        ``late`` returns further ones, to be run and answered behind these: it is called once no
        other server writes any more, which may take long enough for some to come. When the database
        refuses what they wrote together, they run again one by one, so that only the guilty one is
        rejected: a command may therefore run more than once.
        """
        self._look()
        if all(command is look for command in commands):
            return self._guard(commands, lambda: self._hear(commands))
        together = list(commands)

        def attempt() -> BatchOutcome:
            return self._attempt(together, late)

        return self._guard(together, attempt)

    def _look(self) -> None:
        """See how much room there is, now and then: the disk itself tells when there is none."""
        now = self._clock.monotonic()
        if now >= self._next_look or self.room.level() is not Level.ROOM:
            self._next_look = now + LOOK_EVERY
            self.room.look()

    def _guard(
        self, commands: Sequence[Decide[object]], attempt: Callable[[], BatchOutcome]
    ) -> BatchOutcome:
        try:
            return attempt()
        except (DiskFullError, ConstraintError, _CommandError) as fault:
            if isinstance(fault, DiskFullError) and self.room.spend():
                # Without another look: what ends goes first into the room that was just made.
                return self._guard(commands, lambda: self._attempt(list(commands)))
            if len(commands) > 1:
                return self._one_by_one(commands)
            return BatchOutcome([RefusedCommand(_explain(fault))])
        except _CommitDoubtError:
            logger.critical("a COMMIT failed: its outcome is unknown", exc_info=True)
            self.close()
            return BatchOutcome(
                [RefusedCommand(OutcomeUnknownError()) for _ in commands], doubtful=True
            )
        except DriverError as fault:
            level = logging.DEBUG if self._failing else logging.ERROR
            logger.log(level, "the database failed before COMMIT", exc_info=True)
            self._failing = True
            self.close()
            words = f"the database failed ({fault}); nothing was changed, try again"
            return BatchOutcome([RefusedCommand(UnavailableError(words)) for _ in commands])

    def _one_by_one(self, commands: Sequence[Decide[object]]) -> BatchOutcome:
        results: list[Result] = []
        changes: list[Change] = []
        doubtful = False
        try:
            for command in commands:
                outcome = self.execute([command])
                results += outcome.results
                changes += outcome.changes
                doubtful |= outcome.doubtful
                self._ahead += outcome.step
            return BatchOutcome(results, tuple(changes), doubtful, self._ahead)
        finally:
            self._ahead = timedelta()

    def _hear(self, commands: Sequence[Decide[object]]) -> BatchOutcome:
        """Find out what others have committed, and nothing else."""
        self.open()
        driver = self.driver
        assert driver is not None
        try:
            driver.begin_reading()
            records = Records(driver, self._statements)
            counters = records.counters_read()
            self._committed.as_of(counters["event"])
            foreign = self._foreign(records, counters)
        finally:
            driver.rollback()
        self._note_told(counters["event"])
        return replace(foreign, results=[Answered(None) for _ in commands])

    def _attempt(
        self,
        commands: list[Decide[object]],
        late: Late = list,
    ) -> BatchOutcome:
        begun = self._write(commands, late, wait=True)
        return begun if isinstance(begun, BatchOutcome) else self._commit(begun)

    def _write(
        self,
        commands: list[Decide[object]],
        late: Late = list,
        *,
        wait: bool,
    ) -> Begun | BatchOutcome:
        """Run commands, and the late ones, up to COMMIT; a transaction that fails is undone."""
        self.open()
        driver = self.driver
        assert driver is not None
        try:
            driver.begin(wait=wait)
            records = Records(driver, self._statements)
            counters = records.counters()
            if (why := self.guard.refuses(counters)) is not None:
                driver.rollback()
                self._committed.forget()
                words = f"nothing can be written just now: {why}; nothing was changed, try again"
                return BatchOutcome([RefusedCommand(UnavailableError(words)) for _ in commands])
            commands += late()
            self._committed.as_of(counters["event"])
            leads = self.guard.leads(counters)
            layer = Layer(last_id=counters["request"])
            loaded = Loaded(records, self._committed)
            newest = max(self._newest, moment(counters["time"]))
            results: list[Result] = []
            for command in commands:
                stepped = layer.step
                newest = max(newest, self._clock.now() + self._ahead + stepped)
                results.append(self._decide(command, layer, loaded, newest, leads=leads))
                newest += layer.step - stepped
            if not layer:
                self._newest = newest
                driver.rollback()
                return replace(self._catch_up(counters), results=results)
            try:
                changes = self._flusher.flush(layer, loaded, counters, newest)
                if self._tell is not None:
                    driver.post(self._tell)
                driver.settle()
            except DriverError:
                raise
            except Exception as error:
                raise _CommandError(error) from error
        except (DriverError, _CommandError):
            driver.rollback()
            raise
        last = changes[-1].event.number if changes else counters["event"]
        return Begun(commands, layer, results, changes, last, newest, counters)

    def _commit(self, begun: Begun) -> BatchOutcome:
        driver, layer = self.driver, begun.layer
        assert driver is not None
        try:
            driver.commit()
        except DiskFullError:
            driver.rollback()
            raise
        except DriverError as fault:
            raise _CommitDoubtError from fault
        if not self.guard.lasting(driver):
            raise _CommitDoubtError
        self._failing = False
        self._committed.take(
            begun.last_event,
            layer.requests.values(),
            layer.jobs.values(),
            layer.workers,
            layer.removed,
            layer.backlogs,
        )
        self._newest = begun.newest
        foreign = self._catch_up(begun.counters)
        self._note_told(begun.last_event)
        return BatchOutcome(
            begun.results,
            foreign.changes + begun.changes,
            doubtful=foreign.doubtful,
            step=foreign.step + layer.step,
        )

    def _catch_up(self, counters: Mapping[str, int]) -> BatchOutcome:
        """Find out what others had committed before a batch, once it keeps them waiting no more.

        Where that fails followers start over, since the batch itself may be committed.
        """
        last = counters["event"]
        if self.told is None or (last <= self.told and not self.anew):
            self._note_told(last)
            return BatchOutcome([])
        driver = self.driver
        assert driver is not None
        try:
            driver.begin_reading()
            try:
                foreign = self._foreign(Records(driver, self._statements), counters)
            finally:
                driver.rollback()
        except DriverError as fault:
            logger.warning("what other servers have committed is not known, start over: %s", fault)
            self.close()
            foreign = BatchOutcome([], doubtful=True)
        self._note_told(last)
        return foreign

    def _note_told(self, number: int) -> None:
        if self._tell is not None:
            self.told = number
            self.anew = False

    def _foreign(self, records: Records, counters: Mapping[str, int]) -> BatchOutcome:
        """Return what other servers have committed since followers were told last."""
        last = counters["event"]
        if self.told is not None and self.anew:
            # A standby may have taken over, which need not have all that was told.
            if last < self.told:
                logger.critical(
                    "the database has lost what was committed last: it has %d events, and %d were "
                    "told; what was acknowledged meanwhile is gone, a standby took over that "
                    "commits had not waited for",
                    last,
                    self.told,
                )
            return BatchOutcome([], doubtful=True)
        if self.told is None or last <= self.told:
            return BatchOutcome([])
        changes = missed(records, self.told, last)
        if changes is None:
            return BatchOutcome([], doubtful=True)
        if not stepped(changes):
            return BatchOutcome([], changes)
        # The newest commit bears the time that was set, to within what tidings take.
        step = moment(counters["time"]) - self._clock.now()
        return BatchOutcome([], changes, step=step)

    def _decide(
        self,
        command: Decide[object],
        layer: Layer,
        loaded: Loaded,
        now: datetime,
        *,
        leads: bool,
    ) -> Result:
        transaction = OverlayTransaction(layer, loaded, self._settings, now, leads=leads)
        try:
            answer = command(transaction, now)
        except DriverError:
            raise
        except BorutaError as refusal:
            return RefusedCommand(refusal.with_traceback(None))
        except StopIteration as error:
            return RefusedCommand(RuntimeError(f"a command raised {error!r}"))
        except Exception as error:
            logger.exception("a command failed unexpectedly; it changed nothing")
            return RefusedCommand(error)
        filed = transaction.layer.last_id > layer.last_id
        if (full := self.room.refusal(transaction.layer, filed=filed)) is not None:
            return RefusedCommand(full)
        layer.take(transaction.layer)
        return Answered(answer)


class _CommandError(Exception):
    """Carry an error that a command's changes caused while they were written."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _explain(fault: Exception) -> Exception:
    if isinstance(fault, DiskFullError):
        return StorageFullError()
    if isinstance(fault, _CommandError):
        return fault.error
    if isinstance(fault, ConflictError):
        return StaleProposalError(f"the state changed meanwhile: {fault}")
    logger.error("the database refused a change: %s", fault)
    return TransitionError(f"the database refused the change: {fault}")
