"""What of this machine could be a tool: told by the kernel's names, and by uhubctl."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.commands import run_command
from boruta_farm.dryad.tools import programs

ROOT: Final = Path("/")
HUBS_WITHIN: Final = 20.0
_HUB: Final = re.compile(r"^Current status for hub (\S+) \[(.*?)\]", re.MULTILINE)
_PORTS: Final = re.compile(r"(\d+) ports, ppps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Suggest a tool: what it is in words, its name, driver and settings."""

    words: str
    name: str
    driver: str
    settings: Mapping[str, object]


def find_here(root: Path = ROOT) -> Iterator[Found]:
    """Find what is plugged in; nothing is opened."""
    for port in _entries(root / "dev/serial/by-id"):
        place = f"/dev/serial/by-id/{port.name}"
        yield Found(
            words=f"a serial port: {_plain(port.name)}",
            name="console",
            driver="serial",
            settings={"port": place},
        )
    for mux in _entries(root / "dev/usb-sd-mux"):
        yield Found(
            words="a USB-SD-Mux; add 'device', its card: ls /dev/disk/by-path tells it apart",
            name="sd",
            driver="usbsdmux",
            settings={"mux": f"/dev/usb-sd-mux/{mux.name}"},
        )
    for device in _entries(root / "dev/disk/by-id"):
        if device.name.startswith("usb-") and "-part" not in device.name:
            yield Found(
                words=f"a card reader or USB disk: {_plain(device.name)}; is it the board's?",
                name="sd",
                driver="block",
                settings={"device": f"/dev/disk/by-id/{device.name}"},
            )
    for camera in _entries(root / "dev/v4l/by-id"):
        if camera.name.endswith("index0"):
            yield Found(
                words=f"a camera or HDMI grabber: {_plain(camera.name)}; let ustreamer show it: "
                f"ustreamer -d /dev/v4l/by-id/{camera.name}",
                name="screen",
                driver="ustreamer",
                settings={"url": "http://127.0.0.1:8080"},
            )
    for chip in _entries(root / "dev"):
        if chip.name.startswith("gpiochip"):
            yield Found(
                words=f"a GPIO chip; gpioinfo {chip.name} shows its lines, a relay may be at one",
                name="relay",
                driver="gpio",
                settings={"kind": "power", "chip": chip.name, "line": 0},
            )
    if (root / "run/stm.socket").exists():
        yield Found(
            words="the controller of a MuxPi",
            name="power",
            driver="stm",
            settings={"part": "power"},
        )


async def find_hubs() -> list[Found]:
    """Ask uhubctl, where it is installed, for hubs that switch the power of single ports."""
    path = shutil.which("uhubctl", path=programs.PROGRAMS)
    if path is None:
        return []
    try:
        told = (await run_command((path,), {}, HUBS_WITHIN)).output.decode(errors="replace")
    except (OSError, TimeoutError):
        return []
    return [
        Found(
            words=f"a USB hub that switches power, {_plain(words)}; the board is at one port",
            name="power",
            driver="uhubctl",
            settings={"location": place, "port": 1},
        )
        for place, words in _HUB.findall(told)
        if _PORTS.search(words)
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
