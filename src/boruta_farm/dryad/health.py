"""Whether the supervising computer is fit to lend its board, found out without disturbing it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from boruta_farm.dryad.host import Readings, take_readings
from boruta_farm.dryad.proc.machine import ROOT
from boruta_farm.dryad.sshd import read_banner
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Whole

_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLimits:
    """Say what is too little or too much: MiB free, degrees Celsius; 0 judges nothing."""

    disk_free: int = setting(
        Whole(),
        "MiB of disk that must be free for the board to count as healthy; 0: not judged.",
        default=64,
    )
    memory_free: int = setting(
        Whole(),
        "MiB of memory that must be free for the board to count as healthy; 0: not judged.",
        default=16,
    )
    temperature: int = setting(
        Whole(),
        "Degrees Celsius above which the supervisor counts as too hot; 0: not judged.",
        default=95,
    )


class HostHealth(Protocol):
    """The passive check of the machine that an agent runs on."""

    async def check(self, *, lent: bool) -> None:
        """Raise BoardError with all that is wrong."""
        ...


class PassiveHealth:
    """Look at disk, memory, temperature and whether sshd takes a connection.

    While the board is lent its disk and memory are its user's to fill, so they are not judged.
    """

    def __init__(
        self,
        limits: HealthLimits,
        folders: Sequence[Path],
        ssh_address: Callable[[], str],
        root: Path = ROOT,
    ) -> None:
        self._limits = limits
        self._folders = folders
        self._ssh_address = ssh_address
        self._root = root

    async def check(self, *, lent: bool) -> None:
        """Raise BoardError with all that is wrong."""
        troubles = []
        for folder in self._folders:
            try:
                readings = await asyncio.to_thread(take_readings, folder, self._root)
            except OSError as error:
                raise BoardError(f"the disk of {folder} cannot be read: {error}") from error
            troubles += judge_disk(readings, self._limits, folder) if not lent else []
        troubles += judge(readings, self._limits, lent=lent)
        try:
            await read_banner(self._ssh_address())
        except BoardError as error:
            troubles.append(error.message)
        if troubles:
            raise BoardError("; ".join(troubles))


def judge_disk(readings: Readings, limits: HealthLimits, folder: Path) -> list[str]:
    """Return what is wrong with the disk of a folder."""
    free = readings.disk_free
    if free >= limits.disk_free * _MEBIBYTE:
        return []
    return [
        f"only {free // _MEBIBYTE} MiB are free in {folder}, {limits.disk_free} MiB are needed: "
        "remove files there"
    ]


def judge(readings: Readings, limits: HealthLimits, *, lent: bool) -> list[str]:
    """Return what is wrong besides the disk, one line each."""
    troubles = []
    available, heat = readings.memory_available, readings.temperature
    if not lent and available is not None and available < limits.memory_free * _MEBIBYTE:
        troubles.append(
            f"only {available // _MEBIBYTE} MiB of memory are available, {limits.memory_free} MiB "
            "are needed: see what runs on the board"
        )
    if limits.temperature and heat is not None and heat > limits.temperature:
        troubles.append(
            f"it is {heat:.0f} °C hot, {limits.temperature} °C are allowed: check its cooling"
        )
    return troubles
