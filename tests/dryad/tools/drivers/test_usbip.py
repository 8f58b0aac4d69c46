"""Devices are told as the kernel tells them; usbip is a script that notes what it is told."""

from pathlib import Path

from boruta_farm.dryad.tools.drivers.usbip import UsbipDevices, UsbipSettings
from boruta_farm.dryad.tools.kinds.usb import UsbDevice
from tests.dryad.tools.drivers.stages import program


def plug(devices: Path, bus_id: str, driver: str = "usb", **told: str) -> None:
    place = devices / bus_id
    place.mkdir(parents=True)
    for name, text in told.items():
        (place / name).write_text(f"{text}\n")
    (place / "driver").symlink_to(f"/sys/bus/usb/drivers/{driver}")


async def test_devices(tmp_path: Path) -> None:
    devices = tmp_path / "devices"
    plug(devices, "1-1.2", "usbip-host", idVendor="18d1", idProduct="4ee7", product="Pixel 7")
    plug(devices, "1-1.2.1", idVendor="0403", idProduct="6001")
    plug(devices, "1-1.2:1.0")
    plug(devices, "1-1.20", idVendor="dead", idProduct="beef")
    usbip = program(tmp_path, "usbip", 'echo "$*" >>log')
    tool = UsbipDevices(UsbipSettings(ports=("1-1.2",), program=usbip), devices)
    assert await tool.devices() == (
        UsbDevice(
            bus_id="1-1.2", vendor_id="18d1", product_id="4ee7", name="Pixel 7", exported=True
        ),
        UsbDevice(bus_id="1-1.2.1", vendor_id="0403", product_id="6001"),
    )
    await tool.export("1-1.2.1")
    await tool.withdraw("1-1.2.1")
    await tool.withdraw("1-1.2")
    assert (tmp_path / "log").read_text() == "bind --busid=1-1.2.1\nunbind --busid=1-1.2\n"
    assert (
        await UsbipDevices(UsbipSettings(ports=(), program=usbip), devices / "no").devices() == ()
    )
