"""Facts about the board for people; they never take part in matching."""

import asyncio
import logging
import os
import platform
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from boruta_farm import __version__
from boruta_farm.dryad.host import Readings, host_keys, take_readings
from boruta_farm.dryad.proc.machine import ROOT
from boruta_farm.dryad.sshd import read_banner
from boruta_farm.model.errors import BoardError, BorutaError

logger = logging.getLogger(__name__)

DRIVER_WITHIN: Final = 5.0
"""Seconds: a driver that cleans the board may be busy for minutes; its old facts serve then."""

_MEBIBYTE: Final = 1 << 20
_BANNER: Final = "SSH-2.0-"


class Facts:
    """Tell what the machine and the driver say now, or said last.

    With ``own_server`` the driver serves SSH by itself: the machine's host keys are not the
    board's then.
    """

    def __init__(
        self,
        folder: Path,
        ssh_address: Callable[[], str],
        driver: Callable[[], Awaitable[Mapping[str, str]]],
        *,
        own_server: bool = False,
    ) -> None:
        self._folder = folder
        self._ssh_address = ssh_address
        self._driver = driver
        self._own_server = own_server
        self._known: Mapping[str, str] = {}

    async def now(self) -> dict[str, str]:
        """Return all facts; the driver's own win over the machine's."""
        try:
            async with asyncio.timeout(DRIVER_WITHIN):
                self._known = await self._driver()
        except (BorutaError, TimeoutError) as error:
            logger.info("no new facts from the driver: %s", error or "it is busy")
        keys = () if self._own_server else host_keys()
        return {**await gather_facts(self._folder, self._ssh_address(), keys), **self._known}


async def gather_facts(
    folder: Path, ssh_address: str, keys: Iterable[str], root: Path = ROOT
) -> dict[str, str]:
    """Return what this machine says of itself now.

    ``folder`` is on the disk that is told of, ``keys`` are as ``host_keys`` returns them. What
    cannot be found out is left out.
    """
    system = os.uname()
    facts = {
        "Agent": __version__,
        "Host": socket.gethostname(),
        "Kernel": f"{system.sysname} {system.release}",
        "Machine": system.machine,
        "Python": platform.python_version(),
        **describe(take_readings(folder, root)),
    }
    try:
        facts["SSH"] = (await read_banner(ssh_address)).removeprefix(_BANNER)
    except BoardError as error:
        facts["SSH"] = error.message
    for line in keys:
        kind, _, fingerprint = line.partition(" ")
        facts[f"Host key {kind}"] = fingerprint
    return facts


def describe(readings: Readings) -> dict[str, str]:
    """Return readings in words."""
    facts = {
        "Load": f"{readings.load:.2f}",
        "Disk": f"{_mebibytes(readings.disk_free)} of {_mebibytes(readings.disk_total)} free",
    }
    if readings.uptime is not None:
        facts["Uptime"] = _span(readings.uptime)
    if readings.temperature is not None:
        facts["Temperature"] = f"{readings.temperature:.0f} °C"
    if readings.memory_available is not None and readings.memory_total is not None:
        facts["Memory"] = (
            f"{_mebibytes(readings.memory_available)} of "
            f"{_mebibytes(readings.memory_total)} available"
        )
    return facts


def _mebibytes(number: int) -> str:
    return f"{number // _MEBIBYTE} MiB"


def _span(seconds: float) -> str:
    minutes, hours = int(seconds // 60 % 60), int(seconds // 3600 % 24)
    days = int(seconds // 86400)
    return f"{days} d {hours} h {minutes} min" if days else f"{hours} h {minutes} min"
