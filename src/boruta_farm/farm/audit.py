"""The audit in process: read, verified, and sealed in order by one sealer."""

import asyncio
import logging
from datetime import datetime
from typing import NoReturn

from boruta_farm.core.plan import Noted, Plan
from boruta_farm.farm.engine import Engine
from boruta_farm.model.audit import AuditEntry, AuditFilter, Note, Verification, first_seal, seal_of
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.permission import Permission
from boruta_farm.store.base import Store, Transaction

SEALED_AT_ONCE = 200
"""Entries of one command, a few milliseconds of the event loop."""

GATHER_SECONDS = 0.2
"""Entries gather this long before they are sealed together; well below the second promised."""
RETRY_SECONDS = 0.5
PAGE = 1000

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
        seal = first_seal(self._store.farm_id)
        last = checked = unsealed = 0
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
                    )
                if entry.seal is None:
                    unsealed += 1
                else:
                    seal = entry.seal
                    checked += 1
                last = entry.number
        return Verification(
            entries=checked, unsealed=unsealed, head_number=last - unsealed, head=seal
        )

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
            entries = transaction.unsealed(SEALED_AT_ONCE)
            seal = transaction.last_seal() or beginning
            seals: dict[int, str] = {}
            for entry in entries:
                seals[entry.number] = seal = seal_of(seal, entry)
            if seals:
                transaction.seal(seals)
            return len(entries) == SEALED_AT_ONCE

        return await self._store.execute(command)


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
