"""The settings of a MuxPi: ``[muxpi]`` of the agent's configuration."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from boruta_farm.dryad.values import Table

KEYS: Final = (
    *("tty", "admin_socket", "user_socket", "socket_group"),
    *("tests", "dut_address", "boot_within"),
)
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

    ``stm_path`` is the socket of the service that owns the serial line; None means that the agent
    owns it (``tty``) and serves both sockets itself. ``boot_within`` is in seconds.
    """

    stm_path: Path | None = Path("/run/stm.socket")
    sdcard: Path = Path(NO_CARD)
    tty: Path = Path("/dev/ttyS2")
    admin_socket: Path = Path("/run/stm.socket")
    user_socket: Path = Path("/run/stm-user.socket")
    socket_group: str = "stm"
    trials: tuple[Trial, ...] = ()
    dut_address: str = DUT_ADDRESS
    boot_within: float = 60.0


def read_muxpi(table: Table, stm_path: str, sdcard: str) -> MuxPiSettings:
    """Return the checked settings. Raises ConfigError."""
    table.known(KEYS)
    trials = []
    for name in table.texts("tests"):
        if name not in tuple(Trial):
            known = ", ".join(f'"{trial}"' for trial in Trial)
            raise table.wrong("tests", f"there is no test {name!r}; there are {known}")
        trials.append(Trial(name))
    if Trial.CARD in trials and sdcard == NO_CARD:
        raise table.wrong("tests", f'"card" needs the card reader\'s device: sdcard is {NO_CARD}')
    address = table.text("dut_address", DUT_ADDRESS)
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise table.wrong("dut_address", f"{address!r} must be an IP address") from None
    return MuxPiSettings(
        stm_path=Path(stm_path) if stm_path else None,
        sdcard=Path(sdcard),
        tty=table.absolute("tty", "/dev/ttyS2"),
        admin_socket=table.absolute("admin_socket", "/run/stm.socket"),
        user_socket=table.absolute("user_socket", "/run/stm-user.socket"),
        socket_group=table.text("socket_group", "stm"),
        trials=tuple(trials),
        dut_address=address,
        boot_within=table.number("boot_within", 60, 1, 240),
    )
