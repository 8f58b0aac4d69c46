"""The history of finished requests: what goes by policy, and how one that went is told of."""

from datetime import datetime
from typing import NoReturn

from boruta_farm.farm.cutting import LARGEST_NUMBER, LONG_AGO, keep_cutting
from boruta_farm.farm.engine import Engine
from boruta_farm.model.errors import RequestNotFoundError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.standing import REMOVED, Standing, Subject
from boruta_farm.store.base import Store, Transaction

CUT_AT_ONCE = 100
"""Requests that one command removes, some milliseconds of the writer."""


class HistoryCutter:
    """Remove the oldest finished requests, as the settings say."""

    def __init__(self, engine: Engine, store: Store, settings: FarmSettings) -> None:
        self._engine = engine
        self._store = store
        self._keep = settings.history_keep
        self._most = settings.history_requests or LARGEST_NUMBER

    async def keep_cutting(self) -> NoReturn:
        """Remove what is due now and again, until cancelled."""
        await keep_cutting("the history", self.cut)

    async def cut(self) -> bool:
        """Remove some; tell whether there were any."""

        def command(transaction: Transaction, now: datetime) -> bool:
            before = now - self._keep if self._keep else LONG_AGO
            return transaction.cut_history(max(before, LONG_AGO), self._most, CUT_AT_ONCE)

        found = await self._store.execute(command)
        if found:
            self._engine.noted.set()
        return found


async def missing(store: Store, request_id: int) -> RequestNotFoundError:
    """Return the refusal for a request that is not there, told apart if it was removed."""
    if not 0 < request_id <= (await store.removed()).up_to:
        return RequestNotFoundError()
    standing = Standing(subject=Subject.REQUEST, state=REMOVED, request_id=request_id)
    return RequestNotFoundError(standing=standing)
