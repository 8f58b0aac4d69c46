"""Where a command becomes a committed change: asks the core, saves its plan."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NoReturn, Protocol, TypeVar

from boruta_farm.core import jobs
from boruta_farm.core.auditing import notes_of
from boruta_farm.core.plan import (
    ClockStepped,
    CreationRemembered,
    IdentitySaved,
    JobSaved,
    KeyErased,
    KeySaved,
    Noted,
    Plan,
    RequestSaved,
    WorkerNoted,
    WorkerSaved,
)
from boruta_farm.core.world import World
from boruta_farm.matching.learning import learnt
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import OwedEnd, RequestState
from boruta_farm.store.base import Store, Transaction

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
ENFORCED = "the session has been ended all the same, and that is stored as soon as it can be"

Answer = TypeVar("Answer")
Decision = Callable[[World, datetime], Plan[Answer]]
"""Asks the core what to do, given the world and the writer's time."""


Unstored = Callable[[str, int], None]
"""Called with a worker and the epoch of its job, which has been ended."""


class Book(Protocol):
    """Keeps over a crash what has been ended and not been stored."""

    def enter(self, end: OwedEnd) -> None:
        """Keep an end."""
        ...

    def strike(self, worker: str, epoch: int) -> None:
        """Forget an end, harmless when it is not kept."""
        ...


class Engine:
    """Run decisions of the core in the store's writer, one after the other.

    What ends a job and cannot be stored is enforced all the same: ``unstored`` is told the job
    at once, and the decision is owed to the store until it takes it (``run_owed``). Who asked for
    it hears that it is not stored. A ``book`` keeps such ends for the next start, which takes them
    up by ``owe``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.noted = asyncio.Event()
        """Set when a committed command entered something into the audit, here or elsewhere."""
        store.on_heard(self.noted.set)
        self.unstored: Unstored = lambda _worker, _epoch: None
        self.book: Book | None = None
        self._owed: dict[tuple[str, int], Owed] = {}
        self._owing = asyncio.Event()

    async def decide(
        self,
        decide: Decision[Answer],
        caller: Caller | None = None,
        *,
        leading: bool = False,
        patient: bool = False,
    ) -> Answer:
        """Return the decision's answer once its changes are committed.

        ``caller`` is on whose behalf it is, for the audit; None is the farm itself. ``leading``
        has it done by the server that leads alone, and others refused with UnavailableError. What
        is ``patient`` may wait a moment for the commit of something else. Raises what the core
        refuses with, and the errors of ``Store.execute``.
        """
        plan: Plan[Answer] | None = None

        def command(transaction: Transaction, now: datetime) -> tuple[Answer, bool]:
            nonlocal plan
            plan = None
            if leading:
                transaction.lead()
            plan = decide(transaction, now)
            return plan.answer, apply(transaction, plan, caller)

        try:
            answer, noted = await self._store.execute(command, patient=patient)
        except UnavailableError as fault:
            ended = () if plan is None else ended_by(plan)
            if not ended:
                raise
            self._enforce(Owed(decide, caller, ended))
            raise type(fault)(f"{fault.message}; {ENFORCED}") from fault
        if noted:
            self.noted.set()
        return answer

    async def run_each(self, decisions: tuple[Decision[Answer], ...]) -> None:
        """Commit several small decisions of the server that leads as one command, in order."""
        ended: list[OwedEnd] = []

        def command(transaction: Transaction, now: datetime) -> bool:
            noted = False
            ended.clear()
            transaction.lead()
            for decide in decisions:
                plan = decide(transaction, now)
                ended.extend(ended_by(plan))
                noted |= apply(transaction, plan)
            return noted

        try:
            noted = await self._store.execute(command)
        except UnavailableError:
            # They are due again in a second: nothing is owed.
            for end in ended:
                self.unstored(end.worker, end.epoch)
            raise
        if noted:
            self.noted.set()

    async def rehearse(
        self, wishes: Sequence[Sequence[Decision[Any]]]
    ) -> tuple[BorutaError | None, ...]:
        """Return what each wish would be refused with, None for those that would be granted.

        Each is decided after those before it that were granted; then all is undone. Raises the
        errors of ``Store.execute``.
        """
        refusals: list[BorutaError | None] = []

        def command(transaction: Transaction, now: datetime) -> NoReturn:
            refusals.clear()
            refusals.extend(_refusal(transaction, now, decisions) for decisions in wishes)
            raise _RehearsedError

        try:
            await self._store.execute(command)
        except _RehearsedError:
            return tuple(refusals)
        raise AssertionError("a rehearsal ends by being undone")

    async def run_owed(self) -> NoReturn:
        """Store what was enforced without having been stored, as soon as that can be done."""
        while True:
            await self._owing.wait()
            for key, owed in tuple(self._owed.items()):
                try:
                    await self.decide(owed.decide, owed.caller)
                except UnavailableError:
                    break
                except BorutaError as refusal:
                    logger.info("an end needs not be stored any more: %s", refusal.message)
                self._owed.pop(key, None)
                if self.book is not None:
                    for end in owed.ends:
                        self.book.strike(end.worker, end.epoch)
            if not self._owed:
                self._owing.clear()
            else:
                await asyncio.sleep(RETRY_SECONDS)

    def owe(self, ends: Iterable[OwedEnd]) -> None:
        """Enforce again what an earlier server has ended, and store it as soon as that can be."""
        for end in ends:
            logger.info("request %d was ended before this start: to be stored", end.request_id)
            self._enforce(Owed(partial(_end_again, end), None, (end,)))

    def _enforce(self, owed: "Owed") -> None:
        for end in owed.ends:
            self.unstored(end.worker, end.epoch)
            if self.book is not None and end.state.finished:
                self.book.enter(end)
        self._owed[owed.ends[0].worker, owed.ends[0].epoch] = owed
        self._owing.set()


class _RehearsedError(BorutaError):
    """a rehearsal is over, and what it did is undone"""


def _refusal(
    transaction: Transaction, now: datetime, decisions: Sequence[Decision[Any]]
) -> BorutaError | None:
    """Apply the decisions of one wish and return what one of them refuses it with, if any."""
    try:
        for decide in decisions:
            apply(transaction, decide(transaction, now))
    except UnavailableError:
        raise
    except BorutaError as refusal:
        return refusal
    return None


@dataclass(frozen=True, slots=True)
class Owed:
    """Hold a decision that the store has not taken yet, and the ends in it."""

    decide: Decision[Any]
    caller: Caller | None
    ends: tuple[OwedEnd, ...]


def _end_again(end: OwedEnd, world: World, now: datetime) -> Plan[None]:
    return jobs.end_again(world, end, now)


def ended_by(plan: Plan[Answer]) -> tuple[OwedEnd, ...]:
    """Return the jobs that a plan ends, with what becomes of their requests."""
    found = []
    for step in plan.steps:
        if isinstance(step, RequestSaved):
            job, state, reason = step.request.job, step.request.state, step.request.reason
        elif isinstance(step, JobSaved):
            job, state, reason = step.job, RequestState.WAITING, None
        else:
            continue
        if job is not None and job.phase is JobPhase.ENDED:
            found.append(
                OwedEnd(
                    worker=job.worker,
                    epoch=job.epoch,
                    request_id=job.request_id,
                    state=state,
                    reason=reason or "",
                )
            )
    return tuple(found)


def apply(transaction: Transaction, plan: Plan[Answer], caller: Caller | None = None) -> bool:
    """Save a plan's steps in their order, and what the audit says of them; tell if it does."""
    noted = False
    for step in plan.steps:
        for note in notes_of(step, caller):
            transaction.note(note)
            noted = True
        match step:
            case RequestSaved():
                transaction.save_request(step.request, step.kind)
                for summary in learnt(transaction.summary, step.request, transaction.settings):
                    transaction.save_summary(summary)
            case WorkerSaved(removed=True):
                transaction.remove_worker(step.worker, step.kind)
            case WorkerSaved():
                transaction.save_worker(step.worker, step.kind)
            case WorkerNoted():
                transaction.note_worker(step.worker, step.kind, step.reason)
            case JobSaved():
                transaction.save_job(step.job)
            case KeySaved():
                transaction.save_key(step.key)
            case KeyErased():
                transaction.erase_key(step.worker, step.epoch)
            case CreationRemembered():
                transaction.remember_creation(step.owner, step.key, step.body_hash, step.request_id)
            case IdentitySaved():
                transaction.save_identity(step.record, step.kind)
            case ClockStepped():
                transaction.step_clock(step.by, step.anchor, step.reason)
            case Noted():
                # Entered above, as what every other step says of itself.
                pass
    return noted
