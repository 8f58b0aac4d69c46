"""``pdudaemon``: a port of a PDU that pdudaemon switches, by its HTTP interface."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.switching import off_and_on
from boruta_farm.dryad.tools.web import fetch
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import OneLine, Seconds
from boruta_farm.settings.places import Url


@dataclass(frozen=True, slots=True, kw_only=True)
class PduSettings:
    """Say where pdudaemon is, and which port of which PDU it is."""

    url: str = setting(Url(), "Where pdudaemon listens.", default="http://127.0.0.1:16421")
    hostname: str = setting(OneLine(200), "The PDU, as pdudaemon's configuration names it.")
    port: str = setting(OneLine(50), "The PDU's port, as a text.")
    timeout: float = setting(Seconds(0.1, 20), "Seconds that it may take.", default=10.0)


class PduPower(Tool):
    """Ask pdudaemon, which takes orders and does not tell how ports are.

    So a reset cannot be proved, and the board shows it as not reset.
    """

    kind = Kind.POWER

    def __init__(self, settings: PduSettings) -> None:
        self._settings = settings

    async def on(self) -> None:
        """Order it."""
        await self._order("on")

    async def off(self) -> None:
        """Order it."""
        await self._order("off")

    async def cycle(self, pause: float) -> None:
        """Order both."""
        await off_and_on(self.off, self.on, pause)

    async def state(self) -> PowerState:
        """Nothing is known."""
        return PowerState(on=None)

    async def _order(self, verb: str) -> None:
        own = self._settings
        query = urlencode({"hostname": own.hostname, "port": own.port})
        await fetch(f"{own.url}/power/control/{verb}?{query}", limit=own.timeout)


def _open(settings: PduSettings, _: Bench) -> Tool:
    return PduPower(settings)


DRIVER: Final = ToolDriver(settings=PduSettings, kinds=(Kind.POWER,), open=_open)
