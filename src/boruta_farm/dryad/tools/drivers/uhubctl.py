"""``uhubctl``: a port of a USB hub that switches power."""

import re
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.programs import Program, chosen, succeed
from boruta_farm.dryad.tools.switching import off_and_on
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Seconds, Text, Whole

_PORT: Final = re.compile(r"^\s*Port (\d+): [0-9a-f]{4}(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """Say which port of which hub it is."""

    location: str = setting(
        Text(r"[0-9]+(-[0-9]+(\.[0-9]+)*)?", "must be a hub's place, such as 1-1.2"),
        "The hub, as uhubctl without arguments shows it: 1-1.2.",
    )
    port: int = setting(Whole(1, 255), "The port of the hub.")
    program: str | None = setting(
        Maybe(Program()), "The program uhubctl.", default=None, usual="`uhubctl`"
    )
    timeout: float = setting(Seconds(1, 25), "Seconds that it may take.", default=20.0)


class HubPower(Tool):
    """Switch a port's power, and read it back from the hub."""

    kind = Kind.POWER

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings
        port = ("-l", settings.location, "-p", str(settings.port))
        self._words = (chosen(settings.program, "uhubctl"), *port)

    async def on(self) -> None:
        """Switch it on."""
        await self._call("-a", "on")

    async def off(self) -> None:
        """Switch it off; again and again, since some devices wake up."""
        await self._call("-a", "off", "-r", "5")

    async def cycle(self, pause: float) -> None:
        """Switch it off and on."""
        await off_and_on(self.off, self.on, pause)

    async def state(self) -> PowerState:
        """Ask the hub."""
        told = dict(_PORT.findall(await self._call()))
        flags = told.get(str(self._settings.port))
        return PowerState(on=None if flags is None else "power" in flags.split())

    async def _call(self, *words: str) -> str:
        done = await succeed((*self._words, *words), self._settings.timeout)
        return done.output.decode(errors="replace")


def _open(settings: HubSettings, _: Bench) -> Tool:
    return HubPower(settings)


DRIVER: Final = ToolDriver(settings=HubSettings, kinds=(Kind.POWER,), open=_open)
