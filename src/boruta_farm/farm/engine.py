"""Where a command becomes a committed change: asks the core, saves its plan."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeVar

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
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.store.base import Store, Transaction

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
ENFORCED = "the session has been ended all the same, and that is stored as soon as it can be"

Answer = TypeVar("Answer")
Decision = Callable[[World, datetime], Plan[Answer]]
"""Asks the core what to do, given the world and the writer's time."""


Unstored = Callable[[Job], None]


class Engine:
    """Run decisions of the core in the store's writer, one after the other.

    What ends a job and cannot be stored is enforced all the same: ``unstored`` is told the job
    at once, and the decision is owed to the store until it takes it (``run_owed``). Who asked for
    it hears that it is not stored.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.noted = asyncio.Event()
        """Set when a committed command entered something into the audit."""
        self.unstored: Unstored = lambda _job: None
        self._owed: dict[tuple[str, int], Owed] = {}
        self._owing = asyncio.Event()

    async def decide(self, decide: Decision[Answer], caller: Caller | None = None) -> Answer:
        """Return the decision's answer once its changes are committed.

        ``caller`` is on whose behalf it is, for the audit; None is the farm itself. Raises what
        the core refuses with, and the errors of ``Store.execute``.
        """
        plan: Plan[Answer] | None = None

        def command(transaction: Transaction, now: datetime) -> tuple[Answer, bool]:
            nonlocal plan
            plan = None
            plan = decide(transaction, now)
            return plan.answer, apply(transaction, plan, caller)

        try:
            answer, noted = await self._store.execute(command)
        except UnavailableError as fault:
            ended = () if plan is None else ended_by(plan)
            if not ended:
                raise
            self._enforce(ended, Owed(decide, caller))
            raise type(fault)(f"{fault.message}; {ENFORCED}") from fault
        if noted:
            self.noted.set()
        return answer

    async def run_each(self, decisions: tuple[Decision[Answer], ...]) -> None:
        """Commit several small decisions as one command, in their order."""
        ended: list[Job] = []

        def command(transaction: Transaction, now: datetime) -> bool:
            noted = False
            ended.clear()
            for decide in decisions:
                plan = decide(transaction, now)
                ended.extend(ended_by(plan))
                noted |= apply(transaction, plan)
            return noted

        try:
            noted = await self._store.execute(command)
        except UnavailableError:
            # They are due again in a second: nothing is owed.
            for job in ended:
                self.unstored(job)
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
            if not self._owed:
                self._owing.clear()
            else:
                await asyncio.sleep(RETRY_SECONDS)

    def _enforce(self, ended: tuple[Job, ...], owed: "Owed") -> None:
        for job in ended:
            self.unstored(job)
        self._owed[ended[0].worker, ended[0].epoch] = owed
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
    """Hold a decision that the store has not taken yet."""

    decide: Decision[Any]
    caller: Caller | None


def ended_by(plan: Plan[Answer]) -> tuple[Job, ...]:
    """Return the jobs that a plan ends."""
    jobs = (
        step.request.job if isinstance(step, RequestSaved) else step.job
        for step in plan.steps
        if isinstance(step, RequestSaved | JobSaved)
    )
    return tuple(job for job in jobs if job is not None and job.phase is JobPhase.ENDED)


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
