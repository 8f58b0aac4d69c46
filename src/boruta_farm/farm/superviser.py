"""The contract Superviser in process."""

from collections import OrderedDict
from datetime import timedelta

from boruta_farm.contracts import Registered
from boruta_farm.core import enrolment, workers
from boruta_farm.core import registration as core
from boruta_farm.core.plan import Noted, Plan
from boruta_farm.farm.engine import Engine
from boruta_farm.model.errors import CredentialError, EnrolmentError
from boruta_farm.model.worker import UUID_CAPABILITY, Registration
from boruta_farm.store.base import Store

REFUSALS_REMEMBERED = 1000


class FarmSuperviser:
    """Take in what boards tell of themselves."""

    def __init__(self, engine: Engine, store: Store, credential_life: timedelta) -> None:
        self._engine = engine
        self._store = store
        self._credential_life = credential_life
        self._refusals: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def register(self, registration: Registration) -> Registered:
        """Make a board known, or known again."""
        try:
            worker = await self._engine.run(
                lambda world, now: core.register(world, registration, now)
            )
        except (CredentialError, EnrolmentError) as error:
            await self._note_refusal(registration, error.message)
            raise
        since = worker.credential_since
        return Registered(
            uuid=worker.uuid,
            farm_id=self._store.farm_id,
            epoch=worker.epoch,
            renew_at=None if since is None else since + self._credential_life,
        )

    async def renew(self, uuid: str, present: str, coming: str) -> None:
        """Accept a board's coming credential beside the present one."""
        await self._engine.run(lambda world, _now: enrolment.renew(world, uuid, present, coming))

    async def set_fail(self, uuid: str, reason: str) -> None:
        """Fail a worker as its board reports."""
        await self._engine.run(lambda world, now: workers.set_fail(world, uuid, reason, now))

    async def _note_refusal(self, registration: Registration, reason: str) -> None:
        """Enter a refused agent into the audit: the first time, the second, the fourth, ...

        An agent that is refused comes again for ever; its thousandth time tells nothing new.
        """
        uuid = registration.caps.get(UUID_CAPABILITY, "")
        who = (uuid, registration.source)
        count = self._refusals.pop(who, 0) + 1
        self._refusals[who] = count
        if len(self._refusals) > REFUSALS_REMEMBERED:
            self._refusals.popitem(last=False)
        if count & (count - 1) == 0:
            note = enrolment.refused(uuid, registration.source, reason, count)
            plan = Plan(answer=None, steps=(Noted(note=note),))
            await self._engine.run(lambda _world, _now: plan)
