"""The machine as a whole: which boot this is, since when, and how much memory there is."""

from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
_KIBIBYTE: Final = 1024


def read_boot_id() -> str:
    """Return what changes with every boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def read_uptime(root: Path = ROOT) -> float | None:
    """Return the seconds since the boot, None where the machine does not tell."""
    words = _read(root / "proc/uptime").split()
    return float(words[0]) if words else None


def read_memory(root: Path = ROOT) -> dict[str, int]:
    """Return bytes by the kernel's names, such as ``MemAvailable``; what is not told is missing."""
    found = {}
    for line in _read(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdecimal():
            found[name] = int(number[0]) * _KIBIBYTE
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
