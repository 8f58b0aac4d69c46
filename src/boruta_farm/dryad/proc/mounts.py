"""Mounts of this mount namespace."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
DEVICES: Final = Path("/sys/dev/block")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Carry one line of the kernel's table."""

    point: str
    kind: str
    options: str
    device: str = ""


def list_mounts() -> list[Mount]:
    """Return every mount in the order in which the kernel lists them, the latest last."""
    mounts = []
    for line in MOUNTS.read_bytes().splitlines():
        own, _, rest = line.partition(b" - ")
        kind, _, options = rest.split(b" ", 2)
        fields = own.split()
        mounts.append(
            Mount(
                point=os.fsdecode(_unescape(fields[4])),
                kind=kind.decode(),
                options=os.fsdecode(options),
                device=fields[2].decode(),
            )
        )
    return mounts


def find_mount(folder: str) -> Mount | None:
    """Return the mount that a folder, or the place where it will be made, lies on."""
    under = [mount for mount in list_mounts() if lies_in(folder, mount.point.rstrip("/"))]
    # Of several mounts on one point the last is the one that is seen.
    return max(reversed(under), key=lambda mount: len(mount.point), default=None)


def mounted_from(device: int) -> list[str]:
    """Return where a block device, one of its parts, or the disk it is a part of is mounted."""
    own = _place(f"{os.major(device)}:{os.minor(device)}")
    points = []
    for mount in list_mounts():
        place = _place(mount.device)
        if lies_in(place, own) or (lies_in(own, place) and place != own):
            points.append(mount.point)
    return points


def lies_in(point: str, folder: str) -> bool:
    """Tell whether a path is a folder or lies below it."""
    return point == folder or point.startswith(f"{folder}/")


def _place(device: str) -> str:
    """Return a device's folder in sysfs, where those of partitions lie in that of their disk."""
    return os.path.realpath(DEVICES / device)


def _unescape(text: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), text)
