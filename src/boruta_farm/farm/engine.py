"""Where a command becomes a committed change: asks the core, saves its plan."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from boruta_farm.core.plan import (
    CreationRemembered,
    JobSaved,
    KeyErased,
    KeySaved,
    Plan,
    RequestSaved,
    WorkerSaved,
)
from boruta_farm.core.world import World
from boruta_farm.store.base import Store, Transaction

Answer = TypeVar("Answer")
Decision = Callable[[World, datetime], Plan[Answer]]
"""Asks the core what to do, given the world and the writer's time."""


class Engine:
    """Run decisions of the core in the store's writer, one after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self, decide: Decision[Answer]) -> Answer:
        """Return the decision's answer once its changes are committed.

        Raises what the core refuses with, and the errors of ``Store.run``.
        """

        def command(transaction: Transaction, now: datetime) -> Answer:
            plan = decide(transaction, now)
            apply(transaction, plan)
            return plan.answer

        return await self._store.run(command)

    async def run_each(self, decisions: tuple[Decision[Answer], ...]) -> None:
        """Commit several small decisions as one command, in their order."""

        def command(transaction: Transaction, now: datetime) -> None:
            for decide in decisions:
                apply(transaction, decide(transaction, now))

        await self._store.run(command)


def apply(transaction: Transaction, plan: Plan[Answer]) -> None:
    """Save a plan's steps in their order."""
    for step in plan.steps:
        match step:
            case RequestSaved():
                transaction.save_request(step.request, step.kind)
            case WorkerSaved(removed=True):
                transaction.remove_worker(step.worker, step.kind)
            case WorkerSaved():
                transaction.save_worker(step.worker, step.kind)
            case JobSaved():
                transaction.save_job(step.job)
            case KeySaved():
                transaction.save_key(step.key)
            case KeyErased():
                transaction.erase_key(step.worker, step.epoch)
            case CreationRemembered():
                transaction.remember_creation(step.owner, step.key, step.body_hash, step.request_id)
