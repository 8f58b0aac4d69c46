"""The machine that a measure was taken on."""

import os
import platform
import sqlite3
from pathlib import Path

MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})


def describe(folder: Path) -> list[str]:
    """Return lines on processor, kernel, Python and the folder's file system."""
    load = os.getloadavg()[0]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    kind = file_system(folder)
    lines = [
        f"processor    {processor()}, {len(os.sched_getaffinity(0))} cores, load {load:.1f}",
        f"system       {platform.system()} {platform.release()} {platform.machine()}",
        f"python       {python}, SQLite {sqlite3.sqlite_version}",
        f"file system  {kind}",
    ]
    if kind in MEMORY_FILE_SYSTEMS:
        lines.append("WARNING      this folder is in memory: durable writes cost nothing here")
    return lines


def processor() -> str:
    """Return the processor's name as the kernel tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.processor() or "unknown"


def file_system(folder: Path) -> str:
    """Return the type of the file system that holds a folder."""
    place = folder.resolve()
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, found = line.split()[:3]
        if place.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, found
    return kind


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def serving_from(data: Path) -> list[int]:
    """Return the processes that a data folder was named to: server, relay and front door."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has just ended.
        if any(Path(word.decode(errors="replace")).is_relative_to(data) for word in words if word):
            found.append(int(place.name))
    return found


def proportional(pid: int) -> int:
    """Return the bytes of memory that a process holds, its share alone of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def descriptors(pid: int) -> int:
    """Return how many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
