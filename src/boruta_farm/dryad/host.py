"""What the computer that supervises a board says of its own condition."""

import base64
import hashlib
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.proc.machine import ROOT, read_memory, read_uptime

logger = logging.getLogger(__name__)

_THERMAL: Final = "sys/class/thermal"
_HOST_KEYS: Final = "etc/ssh"
_HOTTEST_BELIEVED: Final = 200_000
"""In thousandths of a degree; sensors that are not wired report nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Hold one look at the machine: seconds, bytes, degrees Celsius; None where it cannot tell."""

    uptime: float | None
    load: float
    temperature: float | None
    memory_available: int | None
    memory_total: int | None
    disk_free: int
    disk_total: int


def take_readings(folder: Path, root: Path = ROOT) -> Readings:
    """Look at the machine; the disk is the one that ``folder`` is on. Raises OSError for that."""
    disk = shutil.disk_usage(folder)
    memory = read_memory(root)
    return Readings(
        uptime=read_uptime(root),
        load=os.getloadavg()[0],
        temperature=_temperature(root / _THERMAL),
        memory_available=memory.get("MemAvailable"),
        memory_total=memory.get("MemTotal"),
        disk_free=disk.free,
        disk_total=disk.total,
    )


def host_keys(root: Path = ROOT) -> tuple[str, ...]:
    """Return the SSH server's public host keys, kind and fingerprint, as ``ssh-keygen -l`` does."""
    return tuple(
        line
        for path in sorted((root / _HOST_KEYS).glob("ssh_host_*_key.pub"))
        if (line := _fingerprint(path)) is not None
    )


def _fingerprint(path: Path) -> str | None:
    try:
        kind, encoded = path.read_text().split()[:2]
        digest = hashlib.sha256(base64.b64decode(encoded, validate=True)).digest()
    except (OSError, ValueError) as error:
        logger.info("the host key %s is left out: %s", path, error)
        return None
    return f"{kind} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _temperature(folder: Path) -> float | None:
    """Return the hottest sensor's reading."""
    readings = []
    for path in folder.glob("thermal_zone*/temp"):
        text = (_read(path) or "").strip()
        if text.lstrip("-").isdecimal() and abs(int(text)) <= _HOTTEST_BELIEVED:
            readings.append(int(text) / 1000)
    return max(readings, default=None)


def _read(path: Path) -> str | None:
    """Return a file's text, None where this machine has no such thing."""
    try:
        return path.read_text()
    except OSError as error:
        logger.debug("%s cannot be read: %s", path, error)
        return None
