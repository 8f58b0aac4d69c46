"""A driver with the tools of its board: operated by sessions, put back between them."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from boruta_farm.dryad.drivers.base import NOT_RESET, Driver, WrappedDriver
from boruta_farm.dryad.tools.door import OwnDoor
from boruta_farm.dryad.tools.readying import DeviceReadying
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.model.readiness import Readiness

logger = logging.getLogger(__name__)

TOOLS_FACT: Final = "Tools"
DUT: Final = "device under test"


class TooledDriver(WrappedDriver):
    """Do what the driver does, then what the tools ask for."""

    def __init__(self, inner: Driver, service: ToolService, own: Path | None = None) -> None:
        """Take the driver, the service, and the socket by which root at the supervisor calls."""
        super().__init__(inner)
        self._service = service
        self._own = own
        self._toolbox = service.toolbox
        self._consoles = service.consoles

    async def start(self) -> None:
        """Start the driver, the tools, and the service for sessions. Raises ConfigError."""
        await super().start()
        await self._toolbox.start()
        door = self.inner.door
        if self._consoles is not None:
            await self._consoles.start(door)
        if door is None:
            logger.warning("tools: this driver's sessions cannot operate them; only root can")
        self._service.start(door, None if self._own is None else OwnDoor(self._own, door))

    async def close(self) -> None:
        """End what is under way, then release tools and driver."""
        await self._service.close()
        if self._consoles is not None:
            await self._consoles.close()
        await self._toolbox.close()
        await super().close()

    async def clean(self) -> tuple[str, ...]:
        """End and remove the session, then put the tools back.

        In this order: a user who is still there could operate them again.
        """
        found = await super().clean()
        await self._service.settle()
        await self._toolbox.reset()
        # Last: what the device says until its power is off is still the ended job's.
        if self._consoles is not None:
            await self._consoles.cut()
        return found

    async def make_ready(
        self, wanted: Readiness, within: float, tell: Callable[[str], None]
    ) -> None:
        """Flash and boot the device by its tools."""
        readying = DeviceReadying(self._service, self._consoles, tell)
        await readying.carry_out(wanted, within)

    async def healthcheck(self) -> None:
        """Test the board, then the tools whose tables ask for it."""
        await super().healthcheck()
        await self._toolbox.check_health()

    async def facts(self) -> dict[str, str]:
        """Return the driver's facts, which tools there are, and which could not be put back."""
        facts = await super().facts()
        facts[TOOLS_FACT] = ", ".join(
            f"{each.name} ({each.kind.kind})" if each.name != each.kind.kind else each.name
            for each in self._toolbox
        )
        known = [part for part in facts.get(NOT_RESET, "").split(", ") if part]
        if self._toolbox.proves_reset:
            known = [part for part in known if part != DUT]
        if not_reset := ", ".join([*known, *self._toolbox.unproved]):
            facts[NOT_RESET] = not_reset
        else:
            facts.pop(NOT_RESET, None)
        return facts
