"""The settings of ``stm``."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Number, OneOf
from boruta_farm.settings.places import Location


class StmPart(StrEnum):
    """What the tool is of the controller."""

    POWER = "power"
    DYPER1 = "dyper1"
    DYPER2 = "dyper2"
    LEDS = "leds"


@dataclass(frozen=True, slots=True, kw_only=True)
class StmSettings:
    """Say which part of the controller it is."""

    part: StmPart = setting(
        OneOf(StmPart),
        "Which part it is: power; dyper1 or dyper2 (a button: a relay that is closed while it is "
        "pressed); leds (do: 1 or 2, then three numbers from 0 to 255).",
        default=StmPart.POWER,
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
