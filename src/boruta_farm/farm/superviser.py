"""The contract Superviser in process."""

from collections import OrderedDict
from collections.abc import Callable

from boruta_farm.clock import Clock
from boruta_farm.contracts import Registered
from boruta_farm.core import enrolment, workers
from boruta_farm.core import registration as core
from boruta_farm.core.plan import Noted, Plan
from boruta_farm.farm.engine import Engine
from boruta_farm.model.addresses import network_of
from boruta_farm.model.errors import CredentialError, EnrolmentError, TooManyCallsError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.spelling import folded
from boruta_farm.model.worker import UUID_CAPABILITY, Registration
from boruta_farm.rate import Rate
from boruta_farm.store.base import Store

REFUSALS_REMEMBERED = 1000
BURST = 10.0
"""What a board may say at once: an agent whose link breaks a few times is no flood."""
NOTES_PER_SECOND = 0.5
NOTES_BURST = 30.0
"""Refusals of unknown boards that are entered into the audit, from wherever they come."""

Recognises = Callable[[str], bool]
"""Tells whether a text is that of a token that can still be used."""


class FarmSuperviser:
    """Take in what boards tell of themselves, each at a bounded rate.

    What they tell is written down, in journal and audit, and every follower reads it. A board is
    counted with the address it calls from, so that nobody elsewhere can speak in its stead. Those
    that the farm does not know are counted by their address and all together, whatever ids they
    think of, unless they bring an invitation, which has a bound of its own.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        clock: Clock,
        settings: FarmSettings,
        recognises: Recognises,
    ) -> None:
        self._engine = engine
        self._store = store
        self._recognises = recognises
        self._credential_life = settings.credential_life
        per_second = settings.registrations_per_board / 60
        self._rate = Rate(clock, per_second, "this board", BURST)
        self._strangers = Rate(
            clock,
            settings.new_boards_per_source / 60,
            "boards of this address that the farm does not know",
            settings.new_boards_per_source,
        )
        self._everybody = Rate(
            clock,
            settings.new_boards / 60,
            "boards that the farm does not know",
            settings.new_boards,
        )
        self._notes = Rate(clock, NOTES_PER_SECOND, "refusals", NOTES_BURST)
        self._refusals: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def register(self, registration: Registration) -> Registered:
        """Make a board known, or known again. Raises TooManyCallsError too."""
        await self._admit(registration)
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
        """Tell what registering would be answered. Raises TooManyCallsError too."""
        await self._admit(registration)
        return await self._engine.decide(
            lambda world, now: enrolment.recognise(world, registration, now)
        )

    async def _admit(self, registration: Registration) -> None:
        """Count a registration before work is done for it. Raises TooManyCallsError."""
        uuid = registration.caps.get(UUID_CAPABILITY, "")
        invitation = registration.join_token
        invited = invitation is not None and self._recognises(invitation)
        if registration.source and not invited and not await self._knows(uuid):
            try:
                self._strangers.take(network_of(registration.source))
                self._everybody.take("")
            except TooManyCallsError as error:
                await self._note_refusal(registration, error.message)
                raise
        else:
            self._rate.take(f"{uuid} {registration.source}")

    async def _knows(self, uuid: str) -> bool:
        """Tell whether a board of this UUID is registered; the lookup also takes names."""
        found = await self._store.get_worker(uuid)
        return found is not None and folded(found.uuid) == folded(uuid)

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

        An agent that is refused comes again for ever; its thousandth time tells nothing new. Nor
        does the thousandth id that somebody at one address thinks of.
        """
        uuid = registration.caps.get(UUID_CAPABILITY, "")
        known = await self._knows(uuid)
        who = (uuid if known else "", network_of(registration.source))
        count = self._refusals.pop(who, 0) + 1
        self._refusals[who] = count
        if len(self._refusals) > REFUSALS_REMEMBERED:
            self._refusals.popitem(last=False)
        if count & (count - 1):
            return
        try:
            self._notes.take(uuid if known else "")
        except TooManyCallsError:
            self._refusals[who] -= 1
            return
        note = enrolment.refused(uuid, registration.source, reason, count)
        plan = Plan(answer=None, steps=(Noted(note=note),))
        await self._engine.decide(lambda _world, _now: plan)
