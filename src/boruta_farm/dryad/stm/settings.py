"""The settings of a MuxPi: ``[muxpi]`` of the agent's configuration."""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import OneOf, Seconds, Several, Text
from boruta_farm.settings.places import Ip, Location
from boruta_farm.settings.table import SettingError

DUT_ADDRESS: Final = "192.168.69.10"
"""What a MuxPi's own DHCP server always gives to the device under test."""

NO_CARD: Final = "/dev/sdX"
"""What the original's generated file says; it names no device."""


class Trial(StrEnum):
    """A test that disturbs the device under test, made while the board is nobody's."""

    CARD = "card"
    POWER = "power"
    PING = "ping"


@dataclass(frozen=True, slots=True, kw_only=True)
class MuxPiSettings:
    """Say where the controller is and what is tried before a board is lent.

    ``stm_path`` and ``sdcard`` stand at the top of the configuration, where the original has
    them. ``stm_path`` is the socket of the service that owns the serial line; None means that the
    agent owns it (``tty``) and serves both sockets itself.
    """

    stm_path: Path | None = Path("/run/stm.socket")
    sdcard: Path = Path(NO_CARD)
    tty: Path = setting(
        Location(full=True),
        'The serial line of the controller, which the agent opens where stm_path is "".',
        default=Path("/dev/ttyS2"),
    )
    admin_socket: Path = setting(
        Location(full=True),
        "The socket for all commands, which the agent then serves.",
        default=Path("/run/stm.socket"),
    )
    user_socket: Path = setting(
        Location(full=True),
        "The socket for sessions.",
        default=Path("/run/stm-user.socket"),
    )
    socket_group: str = setting(
        Text(), "The group that may use the socket for sessions.", default="stm"
    )
    trials: tuple[Trial, ...] = setting(
        Several(OneOf(Trial)),
        "Tests that switch the device under test, made before each preparation.",
        key="tests",
        default=(),
    )
    dut_address: str = setting(
        Ip(), "The address of the device under test, for the test ping.", default=DUT_ADDRESS
    )
    boot_within: float = setting(
        Seconds(1, 240), "Seconds within which the device under test answers.", default=60.0
    )

    def with_original(self, stm_path: str, sdcard: str) -> "MuxPiSettings":
        """Return the settings with the original's beside them. Raises SettingError."""
        if Trial.CARD in self.trials and sdcard == NO_CARD:
            raise SettingError(
                f'"card" needs the card reader\'s device: sdcard is {NO_CARD}; name it', "tests"
            )
        return replace(self, stm_path=Path(stm_path) if stm_path else None, sdcard=Path(sdcard))
