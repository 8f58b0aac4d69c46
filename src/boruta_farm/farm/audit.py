"""The audit in process: read, verified, and sealed in order by one sealer."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime
from typing import NoReturn

from boruta_farm.core.plan import Noted, Plan
from boruta_farm.farm.cutting import LARGEST_NUMBER, LONG_AGO, keep_cutting
from boruta_farm.farm.engine import Engine
from boruta_farm.model.audit import (
    SEAL,
    UP_TO,
    Action,
    AuditEntry,
    AuditFilter,
    Note,
    Verification,
    first_seal,
    seal_of,
)
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.permission import Permission
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.base import Store, Transaction

SEALED_AT_ONCE = 200
"""Entries of one command, a few milliseconds of the event loop."""

GATHER_SECONDS = 0.2
"""Entries gather this long before they are sealed together; well below the second promised."""
RETRY_SECONDS = 0.5
PAGE = 1000
CUT_AT_ONCE = 1000

logger = logging.getLogger(__name__)


class FarmAudit:
    """Show, check and add to the audit."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine = engine
        self._store = store

    async def list_entries(self, caller: Caller, where: AuditFilter) -> tuple[AuditEntry, ...]:
        """Return entries in their order."""
        caller.require(Permission.READ_AUDIT)
        return await self._store.audit(where)

    async def verify(self, caller: Caller) -> Verification:
        """Check the whole chain from its first entry."""
        caller.require(Permission.READ_AUDIT)
        while True:
            first = await self._first()
            found = await self._verified(first - 1)
            if found.broken is None or await self._first() == first:
                return found
            # Its beginning was cut off meanwhile.

    async def _first(self) -> int:
        """Return the number of the oldest entry."""
        page = await self._store.audit(AuditFilter(limit=1))
        return page[0].number if page else 1

    async def _verified(self, cut: int) -> Verification:
        """Check the chain behind what was cut off."""
        seal = first_seal(self._store.farm_id)
        if cut:
            known = await self._seal_at(cut)
            if known is None:
                words = f"entries 1 to {cut} are missing, and none tells that they were cut off"
                return Verification(
                    entries=0, unsealed=0, head_number=0, head=seal, broken=cut + 1, words=words
                )
            seal = known
        last, checked, unsealed = cut, 0, 0
        while page := await self._store.audit(AuditFilter(after=last, limit=PAGE)):
            for entry in page:
                trouble = _trouble(entry, last, seal, unsealed)
                if trouble is not None:
                    return Verification(
                        entries=checked,
                        unsealed=unsealed,
                        head_number=last,
                        head=seal,
                        broken=entry.number,
                        words=trouble,
                        cut=cut,
                    )
                if entry.seal is None:
                    unsealed += 1
                else:
                    seal = entry.seal
                    checked += 1
                last = entry.number
        return Verification(
            entries=checked, unsealed=unsealed, head_number=last - unsealed, head=seal, cut=cut
        )

    async def _seal_at(self, number: int) -> str | None:
        """Return the seal of the last entry that was cut off, as the entry about it tells."""
        where = AuditFilter(action=Action.AUDIT_CUT, limit=PAGE)
        while page := await self._store.audit(where):
            for entry in page:
                if entry.detail.get(UP_TO) == str(number):
                    return entry.detail.get(SEAL)
            where = replace(where, after=page[-1].number)
        return None

    async def note(self, note: Note) -> None:
        """Enter something that changes no record."""
        await self._engine.decide(lambda _world, _now: Plan(answer=None, steps=(Noted(note=note),)))


class Sealer:
    """Chain every entry to the one before it, within a second of its commit."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine = engine
        self._store = store

    async def keep_sealing(self) -> NoReturn:
        """Seal what is there, then whatever comes, until cancelled."""
        noted = self._engine.noted
        while True:
            noted.clear()
            try:
                while await self.seal():
                    pass
            except UnavailableError as fault:
                logger.warning("the audit could not be sealed, trying again: %s", fault)
                noted.set()
                await asyncio.sleep(RETRY_SECONDS)
            await noted.wait()
            await asyncio.sleep(GATHER_SECONDS)

    async def seal(self) -> bool:
        """Seal up to 200 entries; tell whether there may be more."""
        beginning = first_seal(self._store.farm_id)

        def command(transaction: Transaction, _now: datetime) -> bool:
            transaction.lead()
            entries = transaction.unsealed(SEALED_AT_ONCE)
            seal = transaction.last_seal() or beginning
            seals: dict[int, str] = {}
            for entry in entries:
                seals[entry.number] = seal = seal_of(seal, entry)
            if seals:
                transaction.seal(seals)
            return len(entries) == SEALED_AT_ONCE

        return await self._store.execute(command)


class Cutter:
    """Cut off the audit's oldest entries, as the settings say."""

    def __init__(self, engine: Engine, store: Store, settings: FarmSettings) -> None:
        self._engine = engine
        self._store = store
        self._keep = settings.audit_keep
        self._most = settings.audit_entries or LARGEST_NUMBER

    async def keep_cutting(self) -> NoReturn:
        """Cut off what is due now and again, until cancelled."""
        await keep_cutting("the audit", self.cut)

    async def cut(self) -> bool:
        """Cut off up to a thousand entries; tell whether there were any."""

        def command(transaction: Transaction, now: datetime) -> bool:
            transaction.lead()
            before = now - self._keep if self._keep else LONG_AGO
            return transaction.cut_audit(max(before, LONG_AGO), self._most, CUT_AT_ONCE)

        found = await self._store.execute(command)
        if found:
            self._engine.noted.set()
        return found


def _trouble(entry: AuditEntry, last: int, seal: str, unsealed: int) -> str | None:
    if entry.number != last + 1:
        return f"entry {last + 1} is missing"
    if entry.seal is None:
        return None
    if unsealed:
        return f"entry {entry.number} is sealed, but {unsealed} before it are not"
    if entry.seal != seal_of(seal, entry):
        return f"entry {entry.number}, or its seal, was changed after it was sealed"
    return None
