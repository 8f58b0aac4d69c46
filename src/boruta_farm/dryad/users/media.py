"""Devices of media, opened by whoever is root: none that this machine itself uses."""

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from boruta_farm.dryad.cleanup.base import printable
from boruta_farm.dryad.cleanup.mounts import unmount
from boruta_farm.dryad.proc.mounts import mounted_from
from boruta_farm.model.errors import BoardError

TOOLS: Final = "tools"
DEVICE: Final = "device"
NOBODY_THERE: Final = frozenset({errno.ENOENT, errno.ENOMEDIUM, errno.ENXIO, errno.ENODEV})


OWN: Final = frozenset({"/", "/boot", "/boot/firmware", "/usr"})
"""Where no medium of a device under test is ever mounted."""


class MediumUse(StrEnum):
    """What a medium is opened for."""

    READ = "read"
    WRITE = "write"


def devices_in(content: Mapping[str, object]) -> Mapping[str, Path]:
    """Return the device of each tool that names one: the key ``device`` of ``[tools.NAME]``."""
    tools = content.get(TOOLS)
    if not isinstance(tools, dict):
        return {}
    return {
        name: Path(table[DEVICE])
        for name, table in tools.items()
        if isinstance(table, dict) and isinstance(table.get(DEVICE), str)
    }


def open_device(path: Path, use: MediumUse, *, files: bool = False) -> int:
    """Return a descriptor of a device that nothing else uses, as long as it is open.

    With ``files``, a file may stand for a device. Raises BoardError for what is mounted, what is
    this machine's own disk, what something else uses, and where there is no medium.
    """
    try:
        found = path.stat()
        if not (stat.S_ISBLK(found.st_mode) or (files and stat.S_ISREG(found.st_mode))):
            raise BoardError(f"{path} is no block device; correct the tool's key {DEVICE!r}")
        if stat.S_ISBLK(found.st_mode):
            _refuse_own(path, found.st_rdev)
        flags = os.O_RDWR if use is MediumUse.WRITE else os.O_RDONLY
        # For devices the kernel refuses it (O_EXCL) while they, or a part, are used by anything.
        descriptor = os.open(path, flags | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        raise _refusal(path, error) from None
    if os.fstat(descriptor).st_rdev != found.st_rdev:
        os.close(descriptor)
        raise BoardError(f"{path} has just become another device; try again")
    return descriptor


def unmount_media(devices: Iterable[Path]) -> list[str]:
    """Unmount what a session that can become root has mounted of media, and tell where it was.

    What this machine itself lies on is left alone. Raises BoardError.
    """
    found = []
    for path in devices:
        try:
            status = path.stat()
        except OSError:
            continue  # Without a card there is nothing to mount.
        points = mounted_from(status.st_rdev) if stat.S_ISBLK(status.st_mode) else []
        if OWN.isdisjoint(points):
            for point in reversed(points):
                unmount(point)
                found.append(f"a medium's file system, mounted at {printable(point)}")
    return found


def _refuse_own(path: Path, device: int) -> None:
    points = mounted_from(device)
    if not OWN.isdisjoint(points):
        raise BoardError(f"{path} is this machine's own disk; correct the tool's key {DEVICE!r}")
    if points:
        raise BoardError(
            f"{path} is mounted at {', '.join(points)}; unmount it: umount {points[0]}"
        )


def _refusal(path: Path, error: OSError) -> BoardError:
    if error.errno == errno.EBUSY:
        why = "something on this machine uses it (a mount elsewhere, swap, RAID); free it"
    elif error.errno in NOBODY_THERE:
        why = f"there is no medium ({error.strerror}); is the card in, and the reader connected?"
    elif error.errno in (errno.EACCES, errno.EPERM):
        why = "the agent may not; run it as root, or with its root helper (dryad helper)"
    elif error.errno == errno.EROFS:
        why = "it is write-protected"
    else:
        why = error.strerror or str(error)
    return BoardError(f"{path} cannot be opened: {why}")
