"""A driver with a lab's own executables around it."""

from typing import Final

from boruta_farm.contracts import Prepared
from boruta_farm.dryad.drivers.base import Driver, WrappedDriver
from boruta_farm.dryad.hooks import Hook, Hooks

CLEAN_HOOK: Final = "Clean hook"


class HookedDriver(WrappedDriver):
    """Do what the driver does, then run the hook; the operation succeeds when both did.

    The ``clean`` hook runs when nobody is on the board any more: it may reimage it. A failed
    hook fails the operation, and so the worker. No hook runs at ``resume``, since the board was
    prepared before, nor at ``healthcheck``, since it may be lent.
    """

    def __init__(self, inner: Driver, hooks: Hooks) -> None:
        super().__init__(inner)
        self._hooks = hooks

    async def prepare(self, key: str) -> Prepared:
        """Make the session user, then run ``prepare`` with BORUTA_USER set."""
        prepared = await super().prepare(key)
        await self._hooks.run(Hook.PREPARE, user=prepared.username)
        return prepared

    async def clean(self) -> tuple[str, ...]:
        """End the session, then run ``clean``, which must succeed."""
        found = await super().clean()
        await self._hooks.run(Hook.CLEAN)
        return found

    async def put_in_maintenance(self, message: str) -> None:
        """Show the message, then run ``maintenance`` with BORUTA_MESSAGE set."""
        await super().put_in_maintenance(message)
        await self._hooks.run(Hook.MAINTENANCE, message=message.replace("\0", " "))

    async def test(self) -> None:
        """Test the board thoroughly, then run ``healthcheck``, which may switch everything."""
        await super().test()
        await self._hooks.run(Hook.HEALTHCHECK)

    async def facts(self) -> dict[str, str]:
        """Return the driver's facts; a clean hook answers for what the driver does not reset."""
        facts = await super().facts()
        if (path := self._hooks.path(Hook.CLEAN)) is not None:
            facts[CLEAN_HOOK] = str(path)
        return facts
