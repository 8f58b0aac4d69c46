"""The follower that judges waiting requests anew when what their owners may do has changed."""

import asyncio
import logging
from collections.abc import Iterable
from typing import NoReturn

from boruta_farm.core import judging
from boruta_farm.farm.engine import Decision, Engine
from boruta_farm.model.account import Account
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.events import Change
from boruta_farm.store.base import Store

BATCH = 64
"""Requests judged in one command: few enough that calls are answered between two of them."""
RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Judging:
    """Judge the waiting requests of every account that changes or goes, in bounded batches.

    Nothing is lent meanwhile: the grant judges too. At the start, and when it is in doubt what was
    committed, the owners of all waiting requests are looked at.
    """

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine = engine
        self._store = store
        self._changed: dict[str, None] = {}
        self._all = False
        self._work = asyncio.Event()
        store.listen(self._fold)
        store.on_doubt(self._doubt)
        store.on_people_elsewhere(self._doubt)

    async def follow(self) -> NoReturn:
        """Judge all, then what changes, until cancelled."""
        self._doubt()
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._judge_changed()
            except UnavailableError as fault:
                _log.warning("waiting requests could not be judged anew: %s", fault)
                await asyncio.sleep(RETRY_SECONDS)
                self._work.set()

    def _fold(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change.identity, Account):
                self._changed[change.identity.id] = None
                self._work.set()

    def _doubt(self) -> None:
        self._all = True
        self._work.set()

    async def _judge_changed(self) -> None:
        if self._all:
            owners = await self._store.waiting_owners()
            self._all = False
            self._changed.update(dict.fromkeys(owners))
        while self._changed:
            owner = next(iter(self._changed))
            # Before its requests are read: what changes from now on is judged once more.
            del self._changed[owner]
            try:
                await self._judge_owner(owner)
            except UnavailableError:
                self._changed[owner] = None
                raise

    async def _judge_owner(self, owner: str) -> None:
        ids = await self._store.waiting_of(owner)
        for first in range(0, len(ids), BATCH):
            await self._engine.run_each(tuple(_decisions(ids[first : first + BATCH])))


def _decisions(ids: Iterable[int]) -> Iterable[Decision[bool]]:
    for number in ids:
        yield lambda world, now, number=number: judging.judge(  # type: ignore[misc]  # bound here
            world, number, now
        )
