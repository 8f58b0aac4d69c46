"""Screens and USB devices that commands operate."""

from collections.abc import AsyncIterator

from boruta_farm.dryad.tools.drivers.exec_programs import ExecTool
from boruta_farm.dryad.tools.kinds.usb import UsbDevice
from boruta_farm.dryad.tools.kinds.video import Picture
from boruta_farm.dryad.tools.pictures import LARGEST, media_type
from boruta_farm.model.errors import BoardError


class ExecVideo(ExecTool):
    """A screen that a command takes pictures of."""

    async def snapshot(self) -> Picture:
        """Run ``snapshot``, whose output is the picture."""
        data = await self.programs.succeed(self.settings.snapshot, kept=LARGEST)
        return Picture(media_type=media_type(data), data=data)

    async def stream(self) -> AsyncIterator[Picture]:
        """Take one picture after the other."""
        while True:
            yield await self.snapshot()


class ExecUsb(ExecTool):
    """USB devices that commands list and lend."""

    async def devices(self) -> tuple[UsbDevice, ...]:
        """Run ``list``: a line for each, ``BUS_ID VENDOR:PRODUCT [exported] NAME``."""
        lines = (
            (await self.programs.succeed(self.settings.list)).decode(errors="replace").splitlines()
        )
        return tuple(_device(line) for line in lines if line.strip())

    async def export(self, bus_id: str) -> None:
        """Run ``export`` with the device's place behind it."""
        await self.programs.succeed(self.settings.export, bus_id)

    async def withdraw(self, bus_id: str) -> None:
        """Run ``withdraw`` with the device's place behind it."""
        await self.programs.succeed(self.settings.withdraw, bus_id)


def _device(line: str) -> UsbDevice:
    place, _, rest = line.strip().partition(" ")
    ids, _, name = rest.strip().partition(" ")
    vendor, colon, product = ids.partition(":")
    if not colon:
        raise BoardError(f"{line!r} tells no device; 'list' must print BUS_ID VENDOR:PRODUCT NAME")
    exported = name.startswith("exported")
    name = name.removeprefix("exported").strip()
    return UsbDevice(
        bus_id=place, vendor_id=vendor, product_id=product, name=name, exported=exported
    )
