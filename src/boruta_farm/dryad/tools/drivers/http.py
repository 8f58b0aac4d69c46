"""``http``: a power socket or button with a web address, such as Shelly, Tasmota, or any."""

import json
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.drivers.http_settings import HttpSettings
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.switching import off_and_on, read_state
from boruta_farm.dryad.tools.web import fetch
from boruta_farm.model.errors import BoardError


class HttpTool(Tool):
    """Ask the addresses of a tool."""

    def __init__(self, settings: HttpSettings) -> None:
        self.kind = settings.kind
        self._settings = settings
        self._addresses = settings.addresses()

    async def _ask(self, verb: str) -> bytes:
        own = self._settings
        return await fetch(
            self._addresses[verb], user=own.user, password=own.password, limit=own.timeout
        )


class HttpPower(HttpTool):
    """A socket that the device under test is plugged into."""

    async def on(self) -> None:
        """Ask for ``on``."""
        await self._ask("on")

    async def off(self) -> None:
        """Ask for ``off``."""
        await self._ask("off")

    async def cycle(self, pause: float) -> None:
        """Ask for ``off`` and ``on``."""
        await off_and_on(self.off, self.on, pause)

    async def state(self) -> PowerState:
        """Ask for ``state``; nothing is known where there is no such address."""
        if "state" not in self._addresses:
            return PowerState(on=None)
        body = (await self._ask("state")).decode(errors="replace")
        key = self._addresses.get("state_key")
        if not key:
            return PowerState(on=read_state(body))
        on = _find(body, key)
        watts = (
            _find(body, self._addresses["watts_key"]) if "watts_key" in self._addresses else None
        )
        return PowerState(
            on=read_state(str(on)),
            watts=float(watts) if isinstance(watts, int | float) else None,
        )


class HttpButton(HttpTool):
    """A button that an address presses and another releases."""

    async def press(self) -> None:
        """Ask for ``on``."""
        await self._ask("on")

    async def release(self) -> None:
        """Ask for ``off``."""
        await self._ask("off")


def _find(body: str, keys: str) -> object:
    """Return what stands in a JSON answer at the first of several dotted paths, else None."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise BoardError(f"the device answered no JSON: {body[:100]!r}") from None
    for key in map(str.strip, keys.split(",")):
        found = answer
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is not None:
            return found
    return None


def _open(settings: HttpSettings, _: Bench) -> Tool:
    return HttpPower(settings) if settings.kind is Kind.POWER else HttpButton(settings)


DRIVER: Final = ToolDriver(settings=HttpSettings, kinds=(Kind.POWER, Kind.BUTTON), open=_open)
