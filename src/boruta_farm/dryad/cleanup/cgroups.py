"""Kill a session where systemd keeps it: in the control group of its user, version 1 or 2."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from boruta_farm.dryad.cleanup.base import summary
from boruta_farm.dryad.proc.processes import read_process
from boruta_farm.dryad.uids import UidRange

HIERARCHIES: Final = (
    Path("/sys/fs/cgroup"),
    Path("/sys/fs/cgroup/unified"),
    Path("/sys/fs/cgroup/systemd"),
)
"""Version 2 alone, version 2 beside version 1, and systemd's own hierarchy of version 1."""

SLICE = "user.slice/user-{uid}.slice"


class Cgroups:
    """The control groups that systemd-logind makes for a user; without systemd there are none.

    A process that changed its uid (by sudo, for instance) is still in its session's group.
    """

    def __init__(self, hierarchies: tuple[Path, ...] = HIERARCHIES) -> None:
        self._hierarchies = hierarchies

    def kill(self, uids: UidRange) -> None:
        """Kill all in the groups: at once where the kernel can, else process by process."""
        for group in self._groups(uids):
            if not _kill_whole(group):
                for pid in _members(group):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def populated(self, uids: UidRange) -> list[str]:
        """Return the groups that still hold a process."""
        names = [
            f"{group.name} ({len(members)})"
            for group in self._groups(uids)
            if (members := _members(group))
        ]
        return summary(names, "control group with processes", "control groups with processes")

    def _groups(self, uids: UidRange) -> Iterator[Path]:
        for hierarchy in self._hierarchies:
            folder = hierarchy / "user.slice"
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                for group in folder.iterdir():
                    number = group.name.removeprefix("user-").removesuffix(".slice")
                    if group.name != f"user-{number}.slice" or not number.isdecimal():
                        continue
                    if int(number) in uids:
                        yield group


def _kill_whole(group: Path) -> bool:
    """Kill a group with all below it at once; tell whether the kernel can."""
    try:
        # Not to be made where it is missing, as opening for writing would.
        handle = os.open(group / "cgroup.kill", os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.write(handle, b"1")
    finally:
        os.close(handle)
    return True


def _members(group: Path) -> list[int]:
    """Return the living processes of a group and of all groups below it."""
    found: list[int] = []
    for folder, _, _ in os.walk(group):
        with contextlib.suppress(OSError):
            pids = map(int, (Path(folder) / "cgroup.procs").read_text().split())
            found.extend(pid for pid in pids if pid > 1 and read_process(pid) is not None)
    return found
