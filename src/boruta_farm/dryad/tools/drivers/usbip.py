"""``usbip``: USB devices at some ports of the supervisor, lent by the kernel's usbip."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.usb import UsbDevice
from boruta_farm.dryad.tools.programs import Program, chosen, succeed
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Seconds, Several, Text

DEVICES: Final = Path("/sys/bus/usb/devices")
HOST_DRIVER: Final = "usbip-host"
PORT: Final = Text(r"[0-9]+-[0-9]+(\.[0-9]+)*", "must be a port's place, such as 1-1.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbipSettings:
    """Say which devices belong to the board."""

    ports: tuple[str, ...] = setting(
        Several(PORT),
        'The ports whose devices, and those behind hubs there, belong to the board: ["1-1.2"].',
    )
    program: str | None = setting(
        Maybe(Program()), "The program usbip.", default=None, usual="`usbip`"
    )
    timeout: float = setting(Seconds(1, 25), "Seconds that it may take.", default=15.0)


class UsbipDevices(Tool):
    """List devices as the kernel names them, and hand them to usbip's daemon and back."""

    kind = Kind.USB

    def __init__(self, settings: UsbipSettings, devices: Path = DEVICES) -> None:
        self._settings = settings
        self._devices = devices
        self._usbip = chosen(settings.program, "usbip")

    async def devices(self) -> tuple[UsbDevice, ...]:
        """Return what is plugged in there now."""
        found = sorted(self._devices.iterdir()) if self._devices.is_dir() else []
        return tuple(
            UsbDevice(
                bus_id=place.name,
                vendor_id=_read(place, "idVendor"),
                product_id=_read(place, "idProduct"),
                name=_read(place, "product"),
                exported=(place / "driver").resolve().name == HOST_DRIVER,
            )
            for place in found
            if self._is_ours(place.name) and (place / "idVendor").exists()
        )

    async def export(self, bus_id: str) -> None:
        """Bind it."""
        await self._call("bind", bus_id)

    async def withdraw(self, bus_id: str) -> None:
        """Unbind it, if it is bound."""
        if any(device.exported for device in await self.devices() if device.bus_id == bus_id):
            await self._call("unbind", bus_id)

    async def _call(self, verb: str, bus_id: str) -> None:
        await succeed((self._usbip, verb, f"--busid={bus_id}"), self._settings.timeout)

    def _is_ours(self, bus_id: str) -> bool:
        return any(bus_id == port or bus_id.startswith(f"{port}.") for port in self._settings.ports)


def _read(place: Path, name: str) -> str:
    try:
        return (place / name).read_text(errors="replace").strip()
    except OSError:
        return ""


def _open(settings: UsbipSettings, _: Bench) -> Tool:
    return UsbipDevices(settings)


DRIVER: Final = ToolDriver(settings=UsbipSettings, kinds=(Kind.USB,), open=_open)
