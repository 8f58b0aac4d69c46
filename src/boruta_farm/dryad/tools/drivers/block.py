"""``block``: a card reader or another block device, switched by commands where it can be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import BRIEF, Kind
from boruta_farm.dryad.tools.kinds.storage import Holder
from boruta_farm.dryad.tools.media import DeviceStorage
from boruta_farm.dryad.tools.programs import Command, Words, succeed
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe
from boruta_farm.settings.places import Location
from boruta_farm.settings.table import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSettings:
    """Say which device it is, and what switches the medium, if anything does."""

    device: Path = setting(
        Location(full=True),
        "The device when the supervisor has the medium, by a name that stays: "
        "/dev/disk/by-id/..., or by-path. A file may stand for it, to try things.",
    )
    to_supervisor: Words | None = setting(
        Maybe(Command()), "A command that gives the medium to the supervisor.", default=None
    )
    to_dut: Words | None = setting(
        Maybe(Command()),
        "A command that gives it to the device; without both it always is the supervisor's.",
        default=None,
    )

    def check(self) -> None:
        """Refuse half a switch. Raises SettingError."""
        if (self.to_supervisor is None) is not (self.to_dut is None):
            missing = "to_dut" if self.to_dut is None else "to_supervisor"
            raise SettingError("is missing: a medium is switched both ways", missing)


class BlockStorage(DeviceStorage):
    """A device, and perhaps two commands."""

    def __init__(self, settings: BlockSettings, bench: Bench) -> None:
        super().__init__(settings.device, bench)
        self._commands = {
            Holder.SUPERVISOR: settings.to_supervisor,
            Holder.DUT: settings.to_dut,
        }
        self._holder = Holder.SUPERVISOR if settings.to_dut is None else Holder.UNKNOWN

    async def switch(self, to: Holder) -> None:
        """Run the command; without one nothing is to be done."""
        command = self._commands.get(to)
        if command is not None:
            self._holder = Holder.UNKNOWN
            await succeed(command, BRIEF)
            self._holder = to

    async def holder(self) -> Holder:
        """Return whom it was given to last."""
        return self._holder


def _open(settings: BlockSettings, bench: Bench) -> Tool:
    return BlockStorage(settings, bench)


DRIVER: Final = ToolDriver(settings=BlockSettings, kinds=(Kind.STORAGE,), open=_open)
