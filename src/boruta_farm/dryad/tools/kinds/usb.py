"""USB devices beside the supervisor that belong to the device under test."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """Name a device: ``bus_id`` as the kernel does (``1-1.2``), ids in four hexadecimal digits."""

    bus_id: str
    vendor_id: str
    product_id: str
    name: str = ""
    exported: bool = False


@runtime_checkable
class Usb(Protocol):
    """List devices, and lend them over the network by the kernel's usbip. All raise BoardError."""

    async def devices(self) -> tuple[UsbDevice, ...]:
        """Return the devices that belong to the board, and nobody else's."""
        ...

    async def export(self, bus_id: str) -> None:
        """Let one of them be attached from afar; the supervisor cannot use it meanwhile."""
        ...

    async def withdraw(self, bus_id: str) -> None:
        """Take it back; one that is not exported stays as it is."""
        ...
