"""The contract Superviser in process."""

from collections import OrderedDict

from boruta_farm.clock import Clock
from boruta_farm.contracts import Registered
from boruta_farm.core import enrolment, workers
from boruta_farm.core import registration as core
from boruta_farm.core.plan import Noted, Plan
from boruta_farm.farm.engine import Engine
from boruta_farm.model.errors import CredentialError, EnrolmentError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import UUID_CAPABILITY, Registration
from boruta_farm.rate import Rate
from boruta_farm.store.base import Store

REFUSALS_REMEMBERED = 1000
BURST = 10.0
"""What a board may say at once: an agent whose link breaks a few times is no flood."""


class FarmSuperviser:
    """Take in what boards tell of themselves, each at a bounded rate.

    What they tell is written down, in journal and audit, and every follower reads it. A board is
    counted with the address it calls from, so that nobody elsewhere can speak in its stead.
    """

    def __init__(self, engine: Engine, store: Store, clock: Clock, settings: FarmSettings) -> None:
        self._engine = engine
        self._store = store
        self._credential_life = settings.credential_life
        per_second = settings.registrations_per_board / 60
        self._rate = Rate(clock, per_second, "this board", BURST)
        self._refusals: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def register(self, registration: Registration) -> Registered:
        """Make a board known, or known again. Raises TooManyCallsError too."""
        uuid = registration.caps.get(UUID_CAPABILITY, "")
        self._rate.take(f"{uuid} {registration.source}")
        try:
            worker = await self._engine.decide(
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

    async def recognise(self, registration: Registration) -> bool:
        """Tell what registering would be answered."""
        return await self._engine.decide(
            lambda world, now: enrolment.recognise(world, registration, now)
        )

    async def renew(self, uuid: str, present: str, coming: str) -> None:
        """Accept a board's coming credential beside the present one."""
        self._rate.take(uuid)
        await self._engine.decide(lambda world, _now: enrolment.renew(world, uuid, present, coming))

    async def set_fail(self, uuid: str, reason: str) -> None:
        """Fail a worker as its board reports."""
        self._rate.take(uuid)
        await self._engine.decide(lambda world, now: workers.set_fail(world, uuid, reason, now))

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
            await self._engine.decide(lambda _world, _now: plan)
