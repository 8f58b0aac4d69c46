"""``serial``: a serial port of the machine, or of another one by RFC 2217, raw TCP or a socket."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.console import PortPlace
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import OneOf, Text, Whole
from boruta_farm.settings.table import SettingError, shown

OPENERS: Final = "boruta_farm.dryad.tools.console."
FORMS: Final = "/dev/ttyUSB0, tcp://HOST:PORT, rfc2217://HOST:PORT or unix:///run/SOCKET"


class Parity(StrEnum):
    """The bit that makes up the number of ones."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"
    MARK = "mark"
    SPACE = "space"


class FlowControl(StrEnum):
    """By what each side tells the other to wait."""

    NONE = "none"
    RTSCTS = "rtscts"
    XONXOFF = "xonxoff"


class Where(Text):
    """Where a port is: a path, or an address."""

    def read(self, raw: object) -> str:
        """Return the place."""
        place = super().read(raw)
        try:
            parts = urlsplit(place)
            net = parts.scheme in ("tcp", "rfc2217") and parts.hostname and parts.port
        except ValueError:
            net = False
        local = place.removeprefix("unix://") if place.startswith("unix://") else place
        if not net and not Path(local).is_absolute():
            raise SettingError(f"{shown(raw)} is no port; write {FORMS}")
        return place


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings:
    """Say where the port is and how its line is set; raw TCP and sockets know no settings."""

    port: str = setting(
        Where(),
        f"Where the port is: {FORMS}. A path below /dev/serial/by-id stays the same whatever is "
        "plugged in first.",
        example="/dev/serial/by-id/usb-FTDI_TTL232R-3V3_FTABC123-if00-port0",
    )
    baud: int = setting(Whole(50, 12_000_000), "Bits a second.", default=115200)
    bits: int = setting(Whole(5, 8), "Bits of a character.", default=8)
    parity: Parity = setting(
        OneOf(Parity), "The parity bit: none, even, odd, mark or space.", default=Parity.NONE
    )
    stop: int = setting(Whole(1, 2), "Stop bits, 1 or 2.", default=1)
    flow: FlowControl = setting(
        OneOf(FlowControl),
        "Flow control: none, rtscts (by wires) or xonxoff.",
        default=FlowControl.NONE,
    )


class SerialConsole(ConsoleTool):
    """A serial port, wherever it is."""

    def __init__(self, settings: SerialSettings) -> None:
        super().__init__()
        self._settings = settings

    def place(self) -> PortPlace:
        """Return how it is opened."""
        one = self._settings
        line: dict[str, object] = {
            "baud": one.baud,
            "bits": one.bits,
            "parity": one.parity,
            "stop": one.stop,
            "flow": one.flow,
        }
        parts = urlsplit(one.port)
        where: dict[str, object] = {"host": parts.hostname, "port": parts.port}
        match parts.scheme:
            case "tcp":
                return PortPlace(opener=f"{OPENERS}socket_port:open_tcp", options=where)
            case "rfc2217":
                return PortPlace(
                    opener=f"{OPENERS}rfc2217_port:open_rfc2217", options={**where, **line}
                )
            case "unix":
                path = {"path": one.port.removeprefix("unix://")}
                return PortPlace(opener=f"{OPENERS}socket_port:open_unix", options=path)
            case _:
                return PortPlace(
                    opener=f"{OPENERS}serial_port:open_serial", options={"path": one.port, **line}
                )

    def device(self) -> Path | None:
        """Return the port's path where it is this machine's."""
        return None if "://" in self._settings.port else Path(self._settings.port)


def _open(settings: SerialSettings, _: Bench) -> Tool:
    return SerialConsole(settings)


DRIVER: Final = ToolDriver(settings=SerialSettings, kinds=(Kind.CONSOLE,), open=_open)
