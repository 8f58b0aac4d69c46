"""A board whose power a relay switches: a session has power, and a clean board has none."""

from dataclasses import dataclass
from pathlib import Path

from boruta_farm.contracts import Prepared
from boruta_farm.dryad.drivers.base import Board, DriverKind, WrappedDriver
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Text
from boruta_farm.settings.places import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    switch: Path = setting(Location(full=True), "The file that switches: 1 is on, 0 is off.")
    session: str = setting(Text(), "The driver that keeps the session's user.", default="linux")


class RelayDriver(WrappedDriver):
    def __init__(self, settings: RelaySettings, board: Board) -> None:
        super().__init__(board.open_driver(settings.session))
        self._relay = settings.switch

    async def prepare(self, key: str) -> Prepared:
        self._switch("1")
        return await super().prepare(key)

    async def clean(self) -> tuple[str, ...]:
        found = await super().clean()
        return (*found, "the device had power") if self._switch("0") else found

    def _switch(self, wanted: str) -> bool:
        before = self._relay.read_text().strip()
        self._relay.write_text(wanted)
        if self._relay.read_text().strip() != wanted:
            raise BoardError(f"relay: {self._relay} does not become {wanted}; check its wiring")
        return before != wanted


KIND = DriverKind(settings=RelaySettings, open=RelayDriver)
