"""A driver with a lab's own executables around it."""

from boruta_farm.contracts import Prepared
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.hooks import Hook, Hooks

NOT_RESET = "Not reset"
"""The fact that names what a clean-up leaves as it is."""

CLEAN_HOOK = "Clean hook"


class HookedDriver:
    """Do what the driver does, then run the hook; the operation succeeds when both did.

    The ``clean`` hook runs when nobody is on the board any more: it may reimage it. A failed
    hook fails the operation, and so the worker.
    """

    def __init__(self, driver: Driver, hooks: Hooks) -> None:
        self._driver = driver
        self._hooks = hooks

    @property
    def ssh_address(self) -> str:
        """Return the driver's address."""
        return self._driver.ssh_address

    async def start(self) -> None:
        """Start the driver."""
        await self._driver.start()

    async def close(self) -> None:
        """Close the driver."""
        await self._driver.close()

    async def resume(self, key: str) -> bool:
        """Take up the session; no hook runs, since the board was prepared before."""
        return await self._driver.resume(key)

    async def prepare(self, key: str) -> Prepared:
        """Make the session user, then run ``prepare`` with BORUTA_USER set."""
        prepared = await self._driver.prepare(key)
        await self._hooks.run(Hook.PREPARE, user=prepared.username)
        return prepared

    async def authorize(self, key: str) -> None:
        """Replace the key."""
        await self._driver.authorize(key)

    async def expire_in(self, remaining: float) -> None:
        """Tell the driver how long the key is wanted."""
        await self._driver.expire_in(remaining)

    async def clean(self) -> tuple[str, ...]:
        """End the session, then run ``clean``, which must succeed."""
        found = await self._driver.clean()
        await self._hooks.run(Hook.CLEAN)
        return found

    async def warn(self, message: str) -> None:
        """Show a line to whoever is logged in."""
        await self._driver.warn(message)

    async def put_in_maintenance(self, message: str) -> None:
        """Show the message, then run ``maintenance`` with BORUTA_MESSAGE set."""
        await self._driver.put_in_maintenance(message)
        await self._hooks.run(Hook.MAINTENANCE, message=message.replace("\0", " "))

    async def healthcheck(self) -> None:
        """Test the board without disturbing it; no hook runs, since it may be lent."""
        await self._driver.healthcheck()

    async def test(self) -> None:
        """Test the board thoroughly, then run ``healthcheck``, which may switch everything."""
        await self._driver.test()
        await self._hooks.run(Hook.HEALTHCHECK)

    async def facts(self) -> dict[str, str]:
        """Return the driver's facts; a clean hook answers for what the driver does not reset."""
        facts = await self._driver.facts()
        if (path := self._hooks.path(Hook.CLEAN)) is not None:
            facts[CLEAN_HOOK] = str(path)
        return facts
