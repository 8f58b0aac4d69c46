"""The settings of ``stm``."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Number, OneOf
from boruta_farm.settings.places import Location
from boruta_farm.settings.table import SettingError


class StmPart(StrEnum):
    """What the tool is of the controller."""

    POWER = "power"
    CARD = "card"
    DYPER1 = "dyper1"
    DYPER2 = "dyper2"
    LEDS = "leds"
    CONTROLLER = "controller"


@dataclass(frozen=True, slots=True, kw_only=True)
class StmSettings:
    """Say which part of the controller it is."""

    part: StmPart = setting(
        OneOf(StmPart),
        "Which part it is: power; card (storage: with it the device gets, and loses, its power); "
        "dyper1 or dyper2 (a button: a relay that is closed while it is "
        "pressed); leds (do: 1 or 2, then three numbers from 0 to 255); controller (do: all that "
        "the original's stm does, for the session's command of that name).",
        default=StmPart.POWER,
    )
    device: Path | None = setting(
        Maybe(Location(full=True)),
        "Card: its device when the supervisor has it, on a MuxPi /dev/sda.",
        default=None,
    )
    socket: Path | None = setting(
        Maybe(Location(full=True)),
        "Where the controller's service listens.",
        default=None,
        usual="`stm_path`",
    )
    volts: float | None = setting(
        Maybe(Number(1, 60)), "The device's voltage, by which watts are told.", default=None
    )

    def check(self) -> None:
        """Refuse a card without its device. Raises SettingError."""
        if self.part is StmPart.CARD and self.device is None:
            raise SettingError("is missing: a card needs its device", "device")
