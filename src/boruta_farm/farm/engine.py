"""Where a command becomes a committed change: asks the core, saves its plan."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from boruta_farm.core.auditing import notes_of
from boruta_farm.core.plan import (
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
from boruta_farm.store.base import Store, Transaction

Answer = TypeVar("Answer")
Decision = Callable[[World, datetime], Plan[Answer]]
"""Asks the core what to do, given the world and the writer's time."""


class Engine:
    """Run decisions of the core in the store's writer, one after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.noted = asyncio.Event()
        """Set when a committed command entered something into the audit."""

    async def run(self, decide: Decision[Answer], caller: Caller | None = None) -> Answer:
        """Return the decision's answer once its changes are committed.

        ``caller`` is on whose behalf it is, for the audit; None is the farm itself. Raises what
        the core refuses with, and the errors of ``Store.run``.
        """

        def command(transaction: Transaction, now: datetime) -> tuple[Answer, bool]:
            plan = decide(transaction, now)
            return plan.answer, apply(transaction, plan, caller)

        answer, noted = await self._store.run(command)
        if noted:
            self.noted.set()
        return answer

    async def run_each(self, decisions: tuple[Decision[Answer], ...]) -> None:
        """Commit several small decisions as one command, in their order."""

        def command(transaction: Transaction, now: datetime) -> bool:
            noted = False
            for decide in decisions:
                noted |= apply(transaction, decide(transaction, now))
            return noted

        if await self._store.run(command):
            self.noted.set()


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
            case Noted():
                # Entered above, as what every other step says of itself.
                pass
    return noted
