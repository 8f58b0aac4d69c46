"""``labgrid``: what a driver of labgrid switches, by a program in labgrid's own environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.adapter import Adapter
from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.programs import Program
from boruta_farm.dryad.tools.switching import off_and_on
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Blank, OneLine, OneOf, Seconds
from boruta_farm.settings.places import Location
from boruta_farm.settings.table import SettingError

ADAPTER: Final = Path(__file__).with_name("labgrid_adapter.py")
KINDS_MADE: Final = (Kind.POWER, Kind.BUTTON)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabgridSettings:
    """Say which driver of which environment it is."""

    kind: Kind = setting(
        OneOf(Kind),
        "What the tool is: power (a driver with labgrid's PowerProtocol) or button (one with its "
        "DigitalOutputProtocol, which is on while it is pressed).",
        default=Kind.POWER,
    )
    python: str = setting(
        Program(),
        "The Python of the environment in which labgrid is installed, such as "
        "/opt/labgrid/bin/python.",
    )
    environment: Path = setting(
        Location(full=True), "The environment file for labgrid, with resources and drivers."
    )
    target: str = setting(OneLine(100), "The target in it.", default="main")
    name: str = setting(
        Blank(OneLine(100)),
        "The driver's name in it, where the target has several of the kind.",
        default="",
    )
    timeout: float = setting(
        Seconds(1, 25), "Seconds that labgrid may take, its start included.", default=20.0
    )

    def check(self) -> None:
        """Refuse what no driver of labgrid does here. Raises SettingError."""
        if self.kind not in KINDS_MADE:
            raise SettingError(f"{self.kind.value!r} is none of power, button", "kind")


class LabgridTool(Tool):
    """A driver of labgrid, behind its program."""

    def __init__(self, settings: LabgridSettings) -> None:
        own = settings
        words = (own.python, "-I", str(ADAPTER), str(own.environment), own.target, own.name)
        self._adapter = Adapter((*words, own.kind.value), own.timeout)

    async def close(self) -> None:
        """End the program; what it has switched stays."""
        await self._adapter.close()


class LabgridPower(LabgridTool):
    """Power."""

    kind = Kind.POWER

    async def on(self) -> None:
        """Give it."""
        await self._adapter.ask("on")

    async def off(self) -> None:
        """Take it away."""
        await self._adapter.ask("off")

    async def cycle(self, pause: float) -> None:
        """Take it away for so long; labgrid's own cycle has a pause of its own."""
        await off_and_on(self.off, self.on, pause)

    async def state(self) -> PowerState:
        """Read it, where labgrid's driver can."""
        found = (await self._adapter.ask("state"))["on"]
        return PowerState(on=found if isinstance(found, bool) else None)


class LabgridButton(LabgridTool):
    """A digital output."""

    kind = Kind.BUTTON

    async def press(self) -> None:
        """Set it."""
        await self._adapter.ask("on")

    async def release(self) -> None:
        """Clear it."""
        await self._adapter.ask("off")


def _open(settings: LabgridSettings, _: Bench) -> Tool:
    return (LabgridPower if settings.kind is Kind.POWER else LabgridButton)(settings)


DRIVER: Final = ToolDriver(settings=LabgridSettings, kinds=KINDS_MADE, open=_open)
